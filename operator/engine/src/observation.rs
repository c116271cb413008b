use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use changeover_crds::ExchangeRelease;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use crate::decision::Request;
use crate::memo::Memo;
use crate::question::{QuestionKey, Record};

/// How many patches of a live Service's selector are remembered.
const FLIPS: usize = 8;

/// Everything that is known when a decision is asked for. The lists hold what carries the label
/// `changeover.dev/release` with this release's name.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The release, its status included.
    pub release: ExchangeRelease,
    /// Deployments of both colours.
    pub deployments: Vec<Arc<Deployment>>,
    /// Live and pinned Services.
    pub services: Vec<Arc<Service>>,
    /// One per service and revision.
    pub config_maps: Vec<Arc<ConfigMap>>,
    /// One per Deployment.
    pub budgets: Vec<Arc<PodDisruptionBudget>>,
    /// Stored revisions.
    pub revisions: Vec<Arc<ControllerRevision>>,
    /// Pods of both colours. Their `spec` is not looked at.
    pub pods: Vec<Arc<Pod>>,
    /// EndpointSlices of live and pinned Services (they inherit the Services' labels).
    pub slices: Vec<Arc<EndpointSlice>>,
    /// What this process remembers of the questions it asked. Lost with the process: it then asks again.
    pub answers: BTreeMap<QuestionKey, Record>,
    /// Questions without an answer yet. They go on beside everything else.
    pub asking: BTreeSet<QuestionKey>,
    /// Whether an admission policy checks that `changeover.dev/promote-by` names who asked.
    pub approvers_verified: bool,
    /// The last patches of each live Service's selector that were answered, by service name, oldest first
    /// ([`Flipped::remember`]).
    pub flips: BTreeMap<String, Vec<Flipped>>,
    /// When this process last wrote the status.
    pub written: Option<Timestamp>,
    /// Requests that the API server refused when they were sent last ([`Failure::standing`]).
    pub failures: Vec<Failure>,
    /// What earlier decisions about this release worked out.
    pub memo: Arc<Memo>,
}

/// A patch of a live Service's selector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flipped {
    /// Of the journal.
    pub epoch: i64,
    /// When it was answered.
    pub at: Timestamp,
    /// Field managers whose selector it was before.
    pub from: Vec<String>,
}

impl Flipped {
    /// Remembers it after those of its Service before, of which the oldest is forgotten in turn.
    pub fn remember(self, flips: &mut Vec<Self>) {
        flips.push(self);
        let surplus = flips.len().saturating_sub(FLIPS);
        flips.drain(..surplus);
    }
}

/// The code of what was taken all the same.
pub(crate) const IN_VAIN: u16 = 200;

/// How long a refusal counts of what is not tried again: longer than a repair is put off, and than a busy operator needs
/// to come back to it.
const STANDS: SignedDuration = SignedDuration::from_secs(60);

/// A request that the API server refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// What was asked, for example `create Service exchange-trade`.
    pub request: String,
    /// Name of the object.
    pub name: String,
    /// HTTP status code; 0 when no answer came, 200 where nothing came of it.
    pub code: u16,
    /// What the API server said.
    pub message: String,
    /// Whether that was because the namespace is being deleted.
    pub is_terminating: bool,
    /// When this request was first refused, of all the times in a row.
    pub first: Timestamp,
    /// The same of the times in a row that it was refused in this way.
    pub since: Timestamp,
    /// When it was refused last.
    pub last: Timestamp,
}

impl Failure {
    /// That no answer came to a request, the first time.
    #[must_use]
    pub fn of(request: &Request, at: Timestamp) -> Self {
        Self::to(request.to_string(), request.name(), at)
    }

    /// The same of what is asked in these words.
    #[must_use]
    pub fn to(request: String, name: &str, at: Timestamp) -> Self {
        Self {
            request,
            name: name.to_owned(),
            code: 0,
            message: String::new(),
            is_terminating: false,
            first: at,
            since: at,
            last: at,
        }
    }

    /// That an apply was taken, and changed nothing of what it was to change.
    #[must_use]
    pub fn in_vain(request: &Request, at: Timestamp) -> Self {
        Self {
            code: IN_VAIN,
            message: "it was taken, and what it sets is not so: an admission webhook may set it otherwise".to_owned(),
            ..Self::of(request, at)
        }
    }

    /// Whether this is what was asked.
    #[must_use]
    pub fn is_of(&self, request: &Request) -> bool {
        self.name == request.name() && self.request == request.to_string()
    }

    /// How long it has been refused, whatever the answers were.
    #[must_use]
    pub fn lasted(&self) -> SignedDuration {
        self.last.duration_since(self.first)
    }

    /// How long in this way.
    pub(crate) fn insisted(&self) -> SignedDuration {
        self.last.duration_since(self.since)
    }

    /// Until when it says what would come of the request.
    pub(crate) fn lapses(&self) -> Timestamp {
        self.last.checked_add(STANDS).unwrap_or(Timestamp::MAX)
    }

    /// Whether it still does. Once a clock has jumped back, nobody knows how old it is.
    #[must_use]
    pub fn stands(&self, now: Timestamp) -> bool {
        self.last <= now && now < self.lapses()
    }

    /// Whether it is not passed by waiting for a moment: neither an overload nor an outage.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self.code, IN_VAIN | 400..=428 | 430..=499)
    }

    /// Goes on where the same request was refused before. An outage answers now so, now so.
    fn follow(&mut self, earlier: &Self) {
        self.first = earlier.first;
        if self.code == earlier.code || !self.is_final() && !earlier.is_final() {
            self.since = earlier.since;
        }
    }

    /// What is refused after a batch that was sent at a time: what was refused of it, with when that began, and what was
    /// refused before and is not in it. Only so can two that are refused in turn both be put off.
    #[must_use]
    pub fn standing(
        mut refused: Vec<Self>,
        batch: &[&Request],
        earlier: &[Self],
        sent: Timestamp,
    ) -> Vec<Self> {
        let standing = || earlier.iter().filter(|f| f.stands(sent));
        for failure in &mut refused {
            if let Some(earlier) = standing().find(|f| f.request == failure.request) {
                failure.follow(earlier);
            }
        }
        let mut tried: Vec<String> = batch.iter().map(ToString::to_string).collect();
        tried.extend(refused.iter().map(|failure| failure.request.clone()));
        let others = standing().filter(|f| !tried.contains(&f.request));
        refused.extend(others.cloned());
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Kind, Target};

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn request() -> Request {
        Request::Delete(Target {
            kind: Kind::Service,
            name: "shop-user".to_owned(),
            uid: String::new(),
            resource_version: String::new(),
        })
    }

    fn refused(code: u16, after: i64) -> Failure {
        Failure {
            code,
            ..Failure::of(&request(), START + SignedDuration::from_secs(after))
        }
    }

    /// When it began, and when in this way.
    fn began(earlier: Failure, next: Failure) -> [i64; 2] {
        let sent = next.last;
        let standing = Failure::standing(vec![next], &[&request()], &[earlier], sent);
        [standing[0].first, standing[0].since].map(Timestamp::as_second)
    }

    #[test]
    fn an_outage_goes_on_whatever_it_answers_with() {
        for code in [0, 429, 500, 503, 504] {
            assert_eq!(began(refused(500, 0), refused(code, 9)), [0, 0], "{code}");
        }
        for (earlier, next) in [(500, 403), (403, 500), (403, 422)] {
            assert_eq!(began(refused(earlier, 0), refused(next, 9)), [0, 9]);
        }
    }

    #[test]
    fn a_refusal_counts_for_a_minute() {
        assert_eq!(began(refused(403, 0), refused(403, 59)), [0, 0]);
        assert_eq!(began(refused(403, 0), refused(403, 60)), [60, 60]);
        let others = |after| {
            let now = refused(403, after).last;
            Failure::standing(Vec::new(), &[], &[refused(403, 0)], now).len()
        };
        // In the last case the clock has jumped back.
        assert_eq!([0, 59, 60, -1].map(others), [1, 1, 0, 0]);
    }
}
