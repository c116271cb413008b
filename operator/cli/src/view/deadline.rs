//! Which deadline runs, and what it brings. The operator keeps the clock.

use changeover_crds::{ColourStatus, ExchangeReleaseStatus, Phase};
use jiff::Timestamp;
use serde::Serialize;

/// What happens by itself, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deadline {
    /// When; while paused it moves on with the time.
    pub at: Timestamp,
    /// How long that is from now, in whole seconds; below zero if it is over.
    pub seconds_left: i64,
    /// What happens then.
    pub then: String,
    /// Whether a pause keeps it from coming nearer.
    pub stands_still: bool,
}

/// The deadline of the phase, if it has one.
pub(super) fn of(status: &ExchangeReleaseStatus, now: Timestamp) -> Option<Deadline> {
    let end = status.deadline.as_ref()?.0;
    let still = status.stood_still(now);
    let at = end.checked_add(still.unwrap_or_default()).ok()?;
    Some(Deadline {
        at,
        seconds_left: now.duration_until(at).as_secs(),
        then: then(status)?,
        stands_still: still.is_some(),
    })
}

fn then(status: &ExchangeReleaseStatus) -> Option<String> {
    let version = |role: &Option<ColourStatus>| {
        role.as_ref()
            .map_or_else(|| "it".to_owned(), |r| r.version.clone())
    };
    let rejected = format!("{} is rejected", version(&status.candidate));
    Some(match status.phase? {
        Phase::Preparing | Phase::Verifying | Phase::AwaitingApproval => rejected,
        Phase::Switching => status.live.as_ref().map_or_else(
            || rejected,
            |live| format!("clients go back to {}", live.version),
        ),
        Phase::Baking => format!("{} stays live", version(&status.live)),
        Phase::Warm => format!("{} is collected", version(&status.warm)),
        Phase::RollingBack => "the operator reports a stall and goes on trying".to_owned(),
        Phase::Live | Phase::RolledBack | Phase::Rejected => {
            format!("the pods of {} are removed", version(&status.candidate))
        }
        Phase::Pending => return None,
    })
}
