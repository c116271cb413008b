//! Moves the Services to the verified colour, or goes back.

use changeover_crds::{ColourStatus, Outcome};

use super::baking;
use super::probing::{self, Probing, probing};
use crate::flip::{self, Progress};
use crate::machine::Turn;
use crate::moves::Move;
use crate::news::News;
use crate::reason::Reason;
use crate::{drain, explain, refusal, upkeep};

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    let (Some(candidate), Some(journal)) = (turn.next.candidate.clone(), turn.next.switch.clone())
    else {
        return super::start(turn);
    };
    let deadline = turn.deadline();
    if turn.now < deadline
        && let Some(store) = upkeep::stored_anew(turn.world, &candidate)
    {
        return Move::Requests(vec![store]);
    }
    if !turn.world.can_take(&candidate, turn.next.live.as_ref()) {
        let trouble = explain::because(turn.world, &candidate);
        return super::go_back(
            turn,
            Reason::TargetCannotServe,
            &format!("the new colour lost its pods during the switch{trouble}"),
        );
    }
    // A pod that joined since the verdict is probed before clients can reach it.
    let known = turn
        .next
        .verdict
        .as_ref()
        .map(|v| v.pods.clone())
        .unwrap_or_default();
    // Pods that join move no deadline: once it is over, what counts is where the Services point.
    let is_late = turn.now >= deadline;
    match probing(turn, &candidate, &known) {
        Probing::Failed(why) => return super::go_back(turn, Reason::SmokeProbeFailed, &why),
        Probing::Run(_) | Probing::Later(_) if is_late => {}
        Probing::Run(questions) => return Move::Ask(questions, deadline),
        Probing::Later(at) => return Move::Wait(Some(at.min(deadline))),
        Probing::Passed(pods) => {
            let joined = pods.iter().any(|uid| !known.contains(uid));
            if let Some(verdict) = turn.next.verdict.as_mut().filter(|_| joined && !is_late) {
                verdict.pods = pods;
                return Move::Changed;
            }
        }
    }
    if !is_late && let Some((questions, until)) = drain::take_back(turn, &candidate) {
        return Move::Ask(questions, until);
    }
    match flip::advance(turn, &candidate, &journal) {
        Progress::Done => done(turn, candidate),
        progress if is_late => {
            let limit = turn.spec.switch_deadline;
            let trouble = probing::unfinished(turn, &candidate, &known)
                .unwrap_or_else(|| trouble(turn, progress));
            super::go_back(
                turn,
                Reason::SwitchDeadlineExceeded,
                &format!("the switch was not done within {limit:?}: {trouble}"),
            )
        }
        Progress::Requests(requests) => match refusal::refused_for_good(turn.world, &requests) {
            Some(message) => super::go_back(turn, Reason::Refused, &message),
            None => Move::Requests(requests),
        },
        Progress::Unverified(message) => {
            turn.say(None, message);
            Move::Wait(Some(deadline))
        }
        Progress::Fenced(message) => {
            turn.stall(Reason::Fenced, message);
            Move::Wait(Some(deadline))
        }
    }
}

/// What the switch still waits for.
fn trouble(turn: &Turn<'_>, progress: Progress) -> String {
    match progress {
        Progress::Requests(requests) => refusal::not_carried_out(turn.world, &requests),
        Progress::Unverified(message) | Progress::Fenced(message) => message,
        Progress::Done => String::new(),
    }
}

fn done(turn: &mut Turn<'_>, candidate: ColourStatus) -> Move {
    flip::close(turn);
    turn.remember(&candidate, Outcome::Live);
    let note = format!("{} is live on {}", candidate.version, candidate.colour);
    turn.tell(News::Switched, note);
    turn.next.candidate = None;
    turn.next.warm = turn.next.live.replace(candidate.clone());
    if let Some((old, journal)) = turn.next.warm.clone().zip(turn.next.switch.clone()) {
        drain::begin(turn, &old, journal.epoch);
    }
    baking::begin(turn, &candidate);
    Move::Changed
}
