//! What came of a request, read from a later state of the release. Pure.

use changeover_crds::{ExchangeRelease, ExchangeReleaseStatus, ResourceExt, names};

use super::plan::{Change, Verb};
use crate::view::standing;

/// What the operator made of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It does it.
    Taken(String),
    /// It saw nothing to do.
    NothingToDo(String),
}

/// Reads the answer; `None` while there is none. `before` is the release as the request was written.
#[must_use]
pub fn answer(
    verb: &Verb,
    change: &Change,
    before: &ExchangeRelease,
    now: &ExchangeRelease,
) -> Option<Answer> {
    let status = now.status.as_ref()?;
    if let Some(other) = replaced(change, now) {
        return Some(Answer::NothingToDo(format!(
            "someone asked anew in the meantime ({other}): {}",
            standing(status)
        )));
    }
    match verb {
        Verb::Pause => status
            .paused_since
            .as_ref()
            .map(|_| Answer::Taken(format!("paused: {}; resume goes on", standing(status)))),
        Verb::Resume => status
            .paused_since
            .is_none()
            .then(|| Answer::Taken(format!("goes on: {}", standing(status)))),
        _ => token(verb, change, before, status),
    }
}

/// The effect and the token stand in the same write.
fn token(
    verb: &Verb,
    change: &Change,
    before: &ExchangeRelease,
    status: &ExchangeReleaseStatus,
) -> Option<Answer> {
    let handled = match verb {
        Verb::Promote(_) => &status.handled.promote,
        Verb::Abort => &status.handled.abort,
        Verb::Rollback => &status.handled.rollback,
        Verb::Retry => &status.handled.retry,
        Verb::Pause | Verb::Resume => return None,
    };
    if *handled != change.token {
        return None;
    }
    let rejected_before = before.status.as_ref().and_then(|s| s.rejected.as_ref());
    let rejected = status.rejected.as_ref();
    let is_taken = match verb {
        Verb::Promote(_) => {
            let approved = status.approval.as_ref().map(|a| &a.revision);
            let live = status.live.as_ref().map(|l| &l.revision);
            change.revision.is_some() && [approved, live].contains(&change.revision.as_ref())
        }
        // Both reject what they leave behind.
        Verb::Abort | Verb::Rollback => rejected.is_some() && rejected != rejected_before,
        _ => rejected != rejected_before,
    };
    let standing = standing(status);
    Some(if is_taken {
        Answer::Taken(format!("{}: {standing}", said(verb, change, status)))
    } else {
        Answer::NothingToDo(format!("there was nothing to do: {standing}"))
    })
}

fn said(verb: &Verb, change: &Change, status: &ExchangeReleaseStatus) -> String {
    let left = status
        .rejected
        .as_ref()
        .map(|r| r.version.as_str())
        .unwrap_or_default();
    match verb {
        Verb::Promote(_) => {
            let revision = change.revision.as_deref().map(names::short_revision);
            let approval = status.approval.as_ref();
            let by = approval
                .and_then(|a| a.by.as_deref())
                .unwrap_or("nobody named");
            let approver = approval.map_or("unverified", |a| a.approver.as_str());
            format!(
                "{} approved by {by} ({approver})",
                revision.unwrap_or_default()
            )
        }
        Verb::Abort | Verb::Rollback => format!("{left} is given up"),
        _ => "tried again".to_owned(),
    }
}

/// What stands in the place of our request, if someone asked after us and the operator may never see it.
fn replaced(change: &Change, now: &ExchangeRelease) -> Option<String> {
    let (name, value) = change.annotations.first()?;
    let standing = now.annotations().get(*name);
    if standing == value.as_ref() {
        return None;
    }
    Some(standing.map_or_else(
        || format!("{name} removed"),
        |other| format!("{name}: {other}"),
    ))
}
