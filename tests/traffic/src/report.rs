//! The account of a run, as JSON in camelCase: the tests and the demo parse these types.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The three kinds of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A new TCP connection for every request.
    Fresh,
    /// Connections kept alive in pools.
    Pooled,
    /// Accounts that log in, order and read their notifications over kept-alive connections.
    Traders,
}

impl Kind {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::Pooled, Self::Traders];
}

/// Counts and times of one kind of clients, or of all of them.
///
/// `sent == ok + failed`, and `failed` is the sum of the six outcomes that are not ok.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Requests that started.
    pub sent: u64,
    /// Requests with the expected, whole answer.
    pub ok: u64,
    /// Everything sent that is not ok.
    pub failed: u64,
    /// Answers 4xx where another was expected.
    pub client_errors: u64,
    /// Answers 5xx.
    pub server_errors: u64,
    /// Connections refused.
    pub refused: u64,
    /// Connections that ended before the answer did.
    pub resets: u64,
    /// Requests without a whole answer within the timeout.
    pub timeouts: u64,
    /// Any other failure.
    pub other: u64,
    /// Requests without a whole answer, plus accepted orders that the database does not hold.
    pub lost: u64,
    /// Idempotency keys under which the database holds, or the service answered, two orders, and
    /// orders that nobody sent.
    pub duplicated: u64,
    /// Answers whose hops show more than one version or colour.
    pub mixed: u64,
    /// Longest time without an ok answer while requests were due.
    pub longest_gap_millis: u64,
    /// Median time from a request's scheduled start to the end of its answer (any status).
    pub p50_millis: f64,
    /// 99 % of the answers took no longer.
    pub p99_millis: f64,
    /// 99.9 % of the answers took no longer.
    pub p999_millis: f64,
    /// The slowest answer.
    pub max_millis: f64,
}

/// When a version answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionSpan {
    /// Its answers, of any status.
    pub answers: u64,
    /// Its first answer.
    pub first_at: Timestamp,
    /// Its last answer.
    pub last_at: Timestamp,
}

/// One second of the run, by the time at which requests ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Second {
    /// Seconds since the start.
    pub second: u64,
    /// Requests that ended ok.
    pub ok: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Answers by `colour/version`.
    pub answers: BTreeMap<String, u64>,
}

/// One of the first failures, to look into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureSample {
    /// When the request ended.
    pub at: Timestamp,
    /// Who sent it.
    pub kind: Kind,
    /// Its `x-request-id`.
    pub request_id: String,
    /// Method, service and path.
    pub request: String,
    /// What came back instead of the expected answer.
    pub detail: String,
}

/// The orders and fills of the run's traders, against what the database holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerFigures {
    /// Orders answered 201.
    pub accepted_orders: u64,
    /// Accepted orders that the database does not hold under the answered id.
    pub missing_orders: u64,
    /// Idempotency keys under which there are two orders, in the database or in the answers.
    pub duplicated_keys: u64,
    /// Those of them for which the service answered more than one order id.
    pub conflicting_keys: u64,
    /// Orders of the run's traders that no order they sent accounts for.
    pub stray_orders: u64,
    /// Orders that the database holds though they were never answered as accepted.
    pub unknown_accepted: u64,
    /// Sides of fills that belong to the run's traders (a fill between two of them has two).
    pub filled_sides: u64,
    /// Filled sides without a notification when the wait for delivery was over.
    pub notifications_missing: u64,
    /// Notifications beyond the first of a filled side.
    pub notifications_doubled: u64,
    /// How long delivery was awaited (15 s at most).
    pub awaited_millis: u64,
}

/// The traders' live streams, against their inboxes in the database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamFigures {
    /// Streams that were followed for the whole run.
    pub followed: u64,
    /// Connections that were opened for them: more than streams, as each comes back after a drain.
    pub opened: u64,
    /// Events that came.
    pub events: u64,
    /// Notifications in an inbox that its stream did not bring.
    pub gaps: u64,
    /// Events beyond the first of a notification.
    pub doubled: u64,
    /// Events that came after a later one, and events of no inbox.
    pub disordered: u64,
    /// Connections that did not open, or did not end as a stream should.
    pub broken: u64,
    /// The first reasons of these, at most 5.
    pub reasons: Vec<String>,
}

/// The account of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Start of steady traffic.
    pub started_at: Timestamp,
    /// End of the last answer.
    pub ended_at: Timestamp,
    /// The asked rate, in requests per second.
    pub rate: f64,
    /// Whether the client itself kept that rate; without it the other figures prove nothing.
    pub kept_rate: bool,
    /// Requests that started more than 100 ms after their time.
    pub late: u64,
    /// Requests not started because too many were in flight.
    pub skipped: u64,
    /// The latest start, after its time.
    pub max_late_millis: u64,
    /// All kinds together.
    #[serde(flatten)]
    pub total: Figures,
    /// Each kind alone.
    pub kinds: BTreeMap<Kind, Figures>,
    /// Answers per version.
    pub answered_by: BTreeMap<String, u64>,
    /// Answers that do not say their version.
    pub unattributed: u64,
    /// First and last answer of each version.
    pub versions: BTreeMap<String, VersionSpan>,
    /// Answers per colour and version over time.
    pub timeline: Vec<Second>,
    /// The comparison with the database; absent when none was given.
    pub ledger: Option<LedgerFigures>,
    /// The traders' streams; absent when none were followed or no database was given.
    pub streams: Option<StreamFigures>,
    /// The first failures, at most 20.
    pub failures: Vec<FailureSample>,
}
