//! Conditions: kstatus reads Ready, Reconciling and Stalled.
//! <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>

use changeover_crds::{DrainEnd, ExchangeReleaseStatus, Phase};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::reason::Reason;

/// What is said beside a status word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Why {
    /// A stable word; the phase's name where nothing more precise is known.
    pub(crate) reason: Option<Reason>,
    /// For people.
    pub(crate) message: String,
    /// Whether no progress can be made without a change from outside.
    pub(crate) stalled: bool,
}

/// Rebuilds the list; a transition time changes only with the condition's status.
pub(crate) fn build(
    next: &ExchangeReleaseStatus,
    old: &[Condition],
    serving: bool,
    why: &Why,
    now: Timestamp,
) -> Vec<Condition> {
    let phase = next.phase.unwrap_or(Phase::Pending);
    let ended = matches!(phase, Phase::Rejected | Phase::RolledBack);
    let moving = !matches!(phase, Phase::Live | Phase::Warm) && !ended;
    let stalled = ended || why.stalled;
    let ready = serving && !ended;
    let reason = why
        .reason
        .map_or_else(|| format!("{phase:?}"), |r| r.as_str().to_owned());
    let verified = next.verdict.as_ref().is_some_and(|v| {
        next.candidate
            .as_ref()
            .or(next.live.as_ref())
            .is_some_and(|role| role.revision == v.revision)
    });
    let switched = next
        .switch
        .as_ref()
        .is_some_and(|s| s.finished_at.is_some());
    let drain_end = next.drain.as_ref().and_then(|d| d.ended_by);
    let drained = drain_end.is_some_and(|by| by != DrainEnd::TakenBack);
    let drain_end = drain_end.map_or("NotDrained".to_owned(), |by| format!("Drain{by:?}"));
    let all = [
        ("Ready", ready, reason.as_str(), why.message.as_str()),
        ("Reconciling", moving, reason.as_str(), why.message.as_str()),
        (
            "Stalled",
            stalled,
            if stalled {
                reason.as_str()
            } else {
                "NotStalled"
            },
            if stalled { why.message.as_str() } else { "" },
        ),
        (
            "Verified",
            verified,
            if verified {
                "ProbesPassed"
            } else {
                "NotVerified"
            },
            "",
        ),
        ("Drained", drained, drain_end.as_str(), ""),
        (
            "Switched",
            switched,
            if switched {
                "EndpointsVerified"
            } else {
                "NotSwitched"
            },
            "",
        ),
    ];
    all.into_iter()
        .map(|(type_, status, reason, message)| {
            let status = if status { "True" } else { "False" };
            let before = old.iter().find(|c| c.type_ == type_ && c.status == status);
            Condition {
                type_: type_.to_owned(),
                status: status.to_owned(),
                reason: reason.to_owned(),
                message: message.to_owned(),
                observed_generation: next.observed_generation,
                last_transition_time: before
                    .map_or(Time(truncated(now)), |c| c.last_transition_time.clone()),
            }
        })
        .collect()
}

/// `metav1.Time` holds whole seconds: anything finer would differ from what the API server gives back.
fn truncated(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
