//! Verified, and waits for a person to let this revision go live.

use changeover_crds::{Phase, PromotionMode};

use super::verifying::open;
use crate::capacity::all_of;
use crate::machine::Turn;
use crate::moves::Move;
use crate::reason::Reason;
use crate::{explain, upkeep};

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    if let Some(mv) = super::superseded(turn) {
        return mv;
    }
    let Some(candidate) = turn.next.candidate.clone() else {
        return super::start(turn);
    };
    let checks = turn.next.verdict.as_ref().map(|v| &v.checks);
    if checks != Some(&turn.world.spec().checks) {
        turn.next.verdict = None;
        turn.enter(Phase::Verifying);
        turn.say(None, "the smoke probes or journeys changed: probed anew");
        return Move::Changed;
    }
    let approved = turn.spec.promotion.mode == PromotionMode::Automatic
        || super::is_approved(turn, &candidate);
    let deadline = turn.deadline();
    let batch = upkeep::next_batch(turn);
    let serves = turn.world.serves(&candidate, all_of);
    let may_open = approved && serves && batch.is_empty();
    // Who looked too late, an operator that was away for one, finds it approved all the same, paused or not.
    if turn.now >= deadline && !may_open {
        let limit = turn.spec.promotion.approval_timeout;
        let what = if approved {
            "no pods for the switch"
        } else {
            "nobody approved"
        };
        let trouble = explain::because(turn.world, &candidate);
        return turn.reject(
            Reason::ApprovalTimeout,
            &format!("{what} within {limit:?}{trouble}"),
        );
    }
    if !batch.is_empty() {
        return Move::Requests(batch);
    }
    if !approved {
        return Move::Wait(Some(deadline));
    }
    if turn.asked.pause {
        turn.say(
            Some(Reason::Paused),
            format!("{} is approved; paused", candidate.version),
        );
        return Move::Wait(None);
    }
    if !serves {
        let trouble = explain::because(turn.world, &candidate);
        let version = &candidate.version;
        turn.say(
            None,
            format!("{version} is approved and waits for its pods{trouble}"),
        );
        return Move::Wait(Some(deadline));
    }
    open(turn, &candidate)
}
