//! Builds the idle colour and waits until all of it is ready.

use changeover_crds::Phase;

use crate::capacity::all_of;
use crate::decision::Request;
use crate::machine::Turn;
use crate::moves::Move;
use crate::reason::Reason;
use crate::{explain, refusal, upkeep};

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    if let Some(mv) = super::superseded(turn) {
        return mv;
    }
    let Some(candidate) = turn.next.candidate.clone() else {
        return super::start(turn);
    };
    let deadline = turn.deadline();
    let trouble = explain::unready(turn.world, &candidate);
    let is_ready = turn.world.serves(&candidate, all_of);
    let batch = upkeep::next_batch(turn);
    // Who looked too late, an operator that was away for one, finds it ready all the same.
    if turn.now >= deadline && !(is_ready && batch.is_empty()) {
        return too_late(turn, &batch, trouble);
    }
    if !batch.is_empty() {
        return Move::Requests(batch);
    }
    if is_ready && turn.asked.pause {
        turn.say(
            Some(Reason::Paused),
            format!("{} is ready; paused", candidate.version),
        );
        return Move::Wait(None);
    }
    if is_ready {
        turn.enter(Phase::Verifying);
        return Move::Changed;
    }
    turn.say(
        None,
        format!(
            "{} on {} is not ready: {trouble}",
            candidate.version, candidate.colour
        ),
    );
    Move::Wait(Some(deadline))
}

fn too_late(turn: &mut Turn<'_>, batch: &[Request], unready: String) -> Move {
    let limit = turn.spec.progress_deadline;
    let trouble = if unready.is_empty() {
        refusal::not_carried_out(turn.world, batch)
    } else {
        unready
    };
    turn.reject(
        Reason::ProgressDeadlineExceeded,
        &format!("not ready within {limit:?}: {trouble}"),
    )
}
