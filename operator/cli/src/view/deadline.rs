//! Which deadline runs, and what it brings. The operator keeps the clock; this repeats its sums.

use changeover_crds::{ColourStatus, Duration, ExchangeReleaseSpec, ExchangeReleaseStatus, Phase};
use jiff::{SignedDuration, Timestamp};
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
pub(super) fn of(
    spec: &ExchangeReleaseSpec,
    status: &ExchangeReleaseStatus,
    now: Timestamp,
) -> Option<Deadline> {
    let (end, then) = end(spec, status)?;
    let still = stood_still(status, now);
    let at = end.checked_add(still.unwrap_or_default()).ok()?;
    Some(Deadline {
        at,
        seconds_left: now.duration_until(at).as_secs(),
        then,
        stands_still: still.is_some(),
    })
}

fn end(spec: &ExchangeReleaseSpec, status: &ExchangeReleaseStatus) -> Option<(Timestamp, String)> {
    let since = status.phase_since.as_ref()?.0;
    let after = |duration: Duration| since.checked_add(std::time::Duration::from(duration)).ok();
    let version = |role: &Option<ColourStatus>| {
        role.as_ref()
            .map_or_else(|| "it".to_owned(), |r| r.version.clone())
    };
    let candidate = version(&status.candidate);
    let rejected = format!("{candidate} is rejected");
    Some(match status.phase? {
        Phase::Preparing => (after(spec.progress_deadline)?, rejected),
        Phase::Verifying => (after(spec.verification.timeout)?, rejected),
        Phase::AwaitingApproval => (after(spec.promotion.approval_timeout)?, rejected),
        Phase::Switching => {
            let then = status.live.as_ref().map_or_else(
                || rejected,
                |live| format!("clients go back to {}", live.version),
            );
            (after(spec.switch_deadline)?, then)
        }
        Phase::Baking => {
            let then = format!("{} stays live", version(&status.live));
            (after(spec.verification.bake)?, then)
        }
        Phase::Warm => {
            let then = format!("{} is collected", version(&status.warm));
            (status.warm_until.as_ref()?.0, then)
        }
        Phase::RollingBack => {
            let then = "the operator reports a stall and goes on trying".to_owned();
            (after(spec.switch_deadline)?, then)
        }
        Phase::RolledBack | Phase::Rejected => {
            let pods = &status.candidate.as_ref()?.version;
            (
                after(spec.keep_failed)?,
                format!("the pods of {pods} are removed"),
            )
        }
        Phase::Pending | Phase::Live => return None,
    })
}

/// For how long a pause has held up the clock of this phase; what moves goes on.
fn stood_still(status: &ExchangeReleaseStatus, now: Timestamp) -> Option<SignedDuration> {
    if matches!(status.phase, Some(Phase::Switching | Phase::RollingBack)) {
        return None;
    }
    let paused = status.paused_since.as_ref()?.0;
    let since = status.phase_since.as_ref().map_or(paused, |t| t.0);
    Some(
        now.duration_since(paused.max(since))
            .max(SignedDuration::ZERO),
    )
}
