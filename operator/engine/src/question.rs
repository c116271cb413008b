//! What is asked of our own pods, and what is known of the answers.

use std::time::Duration;

use changeover_crds::{Journey, SmokeProbe};
use jiff::Timestamp;

/// One thing to ask of our own pods. The shell asks it once, beside everything else, and keeps a
/// [`Record`] of the answer under the key.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What the answer is kept under.
    pub key: QuestionKey,
    /// Which attempt this is, from 1 on; counted anew after a success.
    pub attempt: u8,
    /// What to do.
    pub ask: Ask,
}

/// What identifies a question: an answer to one never counts for another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuestionKey {
    /// A smoke probe of a pod. A changed probe is another question.
    Smoke {
        /// Uid of the pod.
        pod: String,
        /// The probe, as JSON.
        probe: String,
    },
    /// A journey. A changed one is another question.
    Journey {
        /// The journey, as JSON.
        journey: String,
        /// Which Services it goes through.
        through: Through,
    },
    /// The drain lease of a pod.
    Drain {
        /// Uid of the pod.
        pod: String,
        /// Epoch of the switch.
        epoch: i64,
    },
    /// The end of a pod's drain lease.
    Undrain {
        /// Uid of the pod.
        pod: String,
        /// Epoch of the way back.
        epoch: i64,
    },
    /// What a pod was told of its colour's role.
    Role {
        /// Uid of the pod.
        pod: String,
        /// Epoch of the last switch.
        epoch: i64,
        /// Whether its colour is live.
        live: bool,
    },
}

impl QuestionKey {
    /// The key of a probe of the pod with this uid.
    #[must_use]
    pub fn smoke(pod: &str, probe: &SmokeProbe) -> Self {
        Self::Smoke {
            pod: pod.to_owned(),
            probe: serde_json::to_string(probe).unwrap_or_default(),
        }
    }

    /// The key of a journey.
    #[must_use]
    pub fn journey(journey: &Journey, through: Through) -> Self {
        Self::Journey {
            journey: serde_json::to_string(journey).unwrap_or_default(),
            through,
        }
    }

    /// The kind of question, as a metric label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Smoke { .. } => "smoke",
            Self::Journey { .. } => "journey",
            Self::Drain { .. } => "drain",
            Self::Undrain { .. } => "undrain",
            Self::Role { .. } => "role",
        }
    }
}

/// Which Services a journey goes through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Through {
    /// The pinned Services of a colour in this revision.
    Pinned {
        /// The revision.
        revision: String,
        /// Uids of its ready pods, sorted. What others make of a journey says nothing about these.
        pods: Vec<String>,
    },
    /// The live Services, after the switch with this epoch.
    Live(i64),
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// One attempt at a smoke probe.
    Smoke(ProbeTarget),
    /// One run of a journey.
    Journey(JourneyRun),
    /// One call of a pod's admin port.
    Admin(AdminTarget),
}

/// One smoke probe of one of our own pods.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeTarget {
    /// Name of the pod.
    pub pod: String,
    /// The pod's address, from its status.
    pub ip: String,
    /// The service's client port.
    pub port: i32,
    /// What to ask and what to expect.
    pub probe: SmokeProbe,
}

/// One run of a journey.
#[derive(Clone, Debug, PartialEq)]
pub struct JourneyRun {
    /// The journey.
    pub journey: Journey,
    /// Where each service of it is: name, address of one of our own Services, port.
    pub hosts: Vec<(String, String, i32)>,
    /// What the whole run may take: a step that takes longer fails, and is named.
    pub limit: Duration,
}

/// One call of the admin port of one of our own pods.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminTarget {
    /// Name of the pod.
    pub pod: String,
    /// The pod's address, from its status.
    pub ip: String,
    /// The service's admin port.
    pub port: i32,
    /// What is called.
    pub call: AdminCall,
}

/// A call of an admin port. `docs` of the services say what a pod makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminCall {
    /// `PUT /drain {"epoch", "ttl"}`: asks clients to reconnect elsewhere, for so many seconds.
    Drain {
        /// Epoch of the switch.
        epoch: i64,
        /// Seconds until the lease lapses by itself.
        ttl: u16,
    },
    /// `DELETE /drain?epoch=`: ends the lease now, and any that an older switch asks for later.
    Undrain {
        /// Epoch of the way back.
        epoch: i64,
    },
    /// `PUT /role {"epoch", "live"}`.
    Role {
        /// Epoch of the last switch.
        epoch: i64,
        /// Whether the pod's colour is live.
        live: bool,
    },
}

/// How a question has gone so far.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The attempt that ended last.
    pub attempts: u8,
    /// When it ended.
    pub last: Timestamp,
    /// What it found, or why it failed.
    pub result: Result<Finding, String>,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    /// As expected.
    Fine,
    /// The pod knows no such path: it takes no part in this.
    Unknown,
    /// What a draining pod counts of its clients.
    Clients(Clients),
}

/// Clients of a pod: calls from pods of its own colour are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clients {
    /// Requests without an answer yet.
    pub in_flight: i64,
    /// Open connections.
    pub open_connections: i64,
    /// Seconds since a client last asked for something; none if nobody ever did.
    pub last_accepted_seconds_ago: Option<i64>,
}
