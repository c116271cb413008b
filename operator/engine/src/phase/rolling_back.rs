//! Moves the Services back. There is no giving up: past the deadline it says so and goes on.

use changeover_crds::{Outcome, Phase};

use crate::flip::{self, Progress};
use crate::machine::{Move, Turn};
use crate::world::half_of;
use crate::{explain, upkeep};

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    let (Some(live), Some(journal)) = (turn.next.live.clone(), turn.next.switch.clone()) else {
        turn.enter(Phase::Pending);
        return Move::Changed;
    };
    let deadline = turn.deadline(turn.spec.switch_deadline);
    if !turn.world.serves(&live, half_of) {
        let stored = turn.world.stored(&live.revision);
        let trouble = stored
            .map(|s| explain::unready(turn.world, &live, &s))
            .unwrap_or_default();
        turn.stall(
            "OldColourCannotServe",
            format!(
                "{} on {} cannot take the traffic yet: {trouble}",
                live.version, live.colour
            ),
        );
        // Its missing pods may be missing because someone deleted a child.
        let batch = upkeep::next_batch(turn.world, &turn.next);
        return if batch.is_empty() {
            Move::Wait(None)
        } else {
            Move::Requests(batch)
        };
    }
    let progress = flip::advance(turn.world, &live, &journal, &turn.next);
    let late = turn.now >= deadline;
    match progress {
        Progress::Done => done(turn, &live.version),
        Progress::Requests(requests) => {
            turn.say(None, format!("the Services go back to {}", live.colour));
            Move::Requests(requests)
        }
        Progress::Unverified(message) | Progress::Fenced(message) if late => {
            turn.stall("RollbackLate", message);
            Move::Wait(None)
        }
        Progress::Unverified(message) | Progress::Fenced(message) => {
            turn.say(None, message);
            Move::Wait(Some(deadline))
        }
    }
}

fn done(turn: &mut Turn<'_>, version: &str) -> Move {
    flip::close(turn);
    if let Some(candidate) = turn.next.candidate.clone() {
        turn.remember(&candidate, Outcome::RolledBack);
    }
    turn.next.verdict = None;
    turn.tell(true, "RolledBack", format!("{version} is live again"));
    // A status that was rebuilt blames no revision: there is nothing to refuse.
    turn.enter(if turn.next.rejected.is_some() {
        Phase::RolledBack
    } else {
        Phase::Live
    });
    if turn.next.rejected.is_none() {
        turn.next.candidate = None;
    }
    Move::Changed
}
