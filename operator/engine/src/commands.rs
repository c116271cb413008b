//! What people ask for by annotation. A token is seen to once, in the write that carries its effect out,
//! and recorded even when there was nothing to do. Precedence: abort, rollback, pause, promote.

use changeover_crds::{Approval, Handled, Phase, ResourceExt, names};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::machine::Turn;
use crate::moves::Move;
use crate::news::News;
use crate::phase;
use crate::reason::Reason;

/// What is asked for now, and was not seen to yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    abort: bool,
    rollback: bool,
    /// The revision that may go live.
    promote: Option<String>,
    /// Try a rejected revision again.
    pub(crate) retry: bool,
    /// No forward step: a state, not a token.
    pub(crate) pause: bool,
}

impl Asked {
    /// Whether it is obeyed whatever the cluster looks like.
    pub(crate) const fn is_order(&self) -> bool {
        self.abort || self.rollback
    }
}

impl Turn<'_> {
    /// Reads the annotations, and records their tokens.
    pub(crate) fn take_commands(&mut self) {
        let annotations = self.world.release().annotations();
        let said = |name: &str| annotations.get(name).filter(|v| !v.is_empty()).cloned();
        let mut now = Handled {
            promote: said(names::PROMOTE),
            abort: said(names::ABORT),
            rollback: said(names::ROLLBACK),
            retry: said(names::RETRY),
        };
        // A status that was lost knows no tokens: what stands there was asked for before.
        let before = self.next.phase.map(|_| self.next.handled.clone());
        let before = before.unwrap_or_else(|| now.clone());
        let is_new = |now: &Option<String>, before: &Option<String>| now.is_some() && now != before;
        let pause = annotations.get(names::PAUSE).is_some_and(|v| v == "true");
        if pause || self.is_first_switch_open() {
            // It waits for the end of the pause; and a first release is not watched before all of it can be reached.
            now.retry.clone_from(&before.retry);
        }
        let promoted = now
            .promote
            .as_ref()
            .filter(|_| is_new(&now.promote, &before.promote));
        self.asked = Asked {
            abort: is_new(&now.abort, &before.abort),
            rollback: is_new(&now.rollback, &before.rollback),
            promote: promoted.map(|value| value.split('@').next().unwrap_or(value).to_owned()),
            retry: is_new(&now.retry, &before.retry),
            pause,
        };
        self.next.handled = now;
    }
}

/// Does what people ask for, as far as it moves the release; `None` if the phase has its turn.
pub(crate) fn obey(turn: &mut Turn<'_>) -> Option<Move> {
    // One that finds nothing to do does not stand in the way of the next.
    if turn.asked.abort
        && let Some(mv) = abort(turn)
    {
        return Some(mv);
    }
    if turn.asked.rollback
        && let Some(mv) = rollback(turn)
    {
        return Some(mv);
    }
    pause(turn);
    promote(turn);
    retry(turn);
    None
}

fn abort(turn: &mut Turn<'_>) -> Option<Move> {
    const WHY: &str = "a person aborted it";
    match turn.next.phase {
        _ if turn.is_before_switch() => Some(turn.reject(Reason::Aborted, WHY)),
        // The bake may have ended while a person asked: the way back is the same for as long as there is one.
        Some(Phase::Switching | Phase::Baking | Phase::Warm) => {
            Some(phase::go_back(turn, Reason::Aborted, WHY))
        }
        _ => {
            turn.asked.abort = false;
            nothing(turn, "abort: no release goes on")
        }
    }
}

fn rollback(turn: &mut Turn<'_>) -> Option<Move> {
    const WHY: &str = "a person asked for the old colour";
    take_warm_back(turn);
    if turn.next.phase == Some(Phase::Switching) || turn.next.warm.is_some() {
        return Some(phase::go_back(turn, Reason::RollbackRequested, WHY));
    }
    turn.asked.rollback = false;
    nothing(turn, "rollback: no old colour is kept")
}

/// A revert that waits for its gates is of what was warm, and still is until the window ends: it needs none of them to
/// be gone back to.
pub(crate) fn take_warm_back(turn: &mut Turn<'_>) {
    // A pause makes the window longer.
    let now = turn
        .next
        .paused_since
        .as_ref()
        .map_or(turn.now, |since| since.0);
    let until = turn.next.warm_until.as_ref();
    if turn.is_before_switch() && until.is_some_and(|until| now < until.0) {
        turn.next.warm = turn.next.candidate.take();
        turn.void_verdict();
    }
}

/// There is nothing to obey: the token is recorded, and the phase has its turn.
fn nothing(turn: &mut Turn<'_>, what: &str) -> Option<Move> {
    turn.tell(News::NothingToDo, what.to_owned());
    None
}

/// Notes when a pause begins; moves the clocks on by its length when it ends.
fn pause(turn: &mut Turn<'_>) {
    let began = turn.next.paused_since.as_ref().map(|t| t.0);
    match (turn.asked.pause, began) {
        (true, None) => {
            turn.next.paused_since = Some(MicroTime(turn.now));
            turn.tell(News::Paused, "no forward step is taken".to_owned());
        }
        (false, Some(_)) => {
            let still = turn.next.stood_still(turn.now).unwrap_or_default();
            turn.next.paused_since = None;
            // The phase began when it did: what passed in it since counts, before the pause and during it.
            let before = turn.next.paused_for.map(std::time::Duration::from);
            let still = still.unsigned_abs();
            turn.next.paused_for = Some((before.unwrap_or_default() + still).into());
            if let Some(until) = &mut turn.next.warm_until {
                until.0 = until.0.checked_add(still).unwrap_or(Timestamp::MAX);
            }
            turn.tell(News::Resumed, "forward steps are taken again".to_owned());
        }
        _ => {}
    }
}

/// Records the approval of the candidate's revision; an approval of anything else is none.
fn promote(turn: &mut Turn<'_>) {
    let Some(revision) = turn.asked.promote.take() else {
        return;
    };
    let before_switch = turn.is_before_switch();
    let candidate = turn.next.candidate.as_ref().filter(|_| before_switch);
    if candidate.is_none_or(|c| c.revision != revision) {
        let note = format!("promote: {revision} does not wait to go live");
        return turn.tell(News::NothingToDo, note);
    }
    let by = turn.world.release().annotations().get(names::PROMOTE_BY);
    let approver = if turn.world.obs.approvers_verified {
        "verified"
    } else {
        "unverified"
    };
    let note = format!(
        "{revision} approved by {} ({approver})",
        by.map_or("nobody named", String::as_str)
    );
    turn.next.approval = Some(Approval {
        revision,
        by: by.cloned(),
        approver: approver.to_owned(),
        at: MicroTime(turn.now),
    });
    turn.tell(News::Approved, note);
}

/// A retry is of the rejected revision that the spec names; of anything else it is none.
fn retry(turn: &mut Turn<'_>) {
    if turn.asked.retry && !turn.is_rejected() {
        turn.tell(
            News::NothingToDo,
            format!("retry: {} was not rejected", turn.spec.version),
        );
    }
}
