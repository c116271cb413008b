//! Probes every pod of the idle colour, then sends journeys through it. The verdict is one write with
//! what follows from it: the journal of the switch, or the wait for an approval.

use changeover_crds::{ColourStatus, Phase, PromotionMode, Verdict};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::journeying::{self, Journeying};
use super::probing::{self, Probing, probing};
use crate::capacity::all_of;
use crate::machine::Turn;
use crate::moves::Move;
use crate::news::News;
use crate::question::{Question, Through};
use crate::reason::Reason;
use crate::{explain, flip, upkeep};

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    if let Some(mv) = super::superseded(turn) {
        return mv;
    }
    let Some(candidate) = turn.next.candidate.clone() else {
        return super::start(turn);
    };
    let deadline = turn.deadline();
    let trials = trials(turn, &candidate);
    if let Trials::Failed(reason, why) = &trials {
        return turn.reject(*reason, why);
    }
    let batch = upkeep::next_batch(turn);
    let is_passed = matches!(trials, Trials::Passed(_)) && turn.world.serves(&candidate, all_of);
    // Who looked too late, an operator that had much to do for one, finds it passed all the same.
    if turn.now >= deadline && !(is_passed && batch.is_empty()) {
        let limit = turn.spec.verification.timeout;
        let trouble = unfinished(turn, &candidate);
        return turn.reject(
            Reason::VerificationTimeout,
            &format!("not verified within {limit:?}{trouble}"),
        );
    }
    if !batch.is_empty() {
        turn.say(None, format!("{} is being repaired", candidate.version));
        return Move::Requests(batch);
    }
    match trials {
        Trials::Run(questions) => Move::Ask(questions, deadline),
        Trials::Later(at) => Move::Wait(Some(at.min(deadline))),
        Trials::Passed(pods) if is_passed => pass(turn, &candidate, pods),
        Trials::Passed(_) | Trials::Failed(..) => {
            let trouble = explain::because(turn.world, &candidate);
            turn.say(
                None,
                format!(
                    "{} lost ready pods while it was probed{trouble}",
                    candidate.version
                ),
            );
            Move::Wait(Some(deadline))
        }
    }
}

/// What a verdict still waits for: pods, else probes, else journeys.
fn unfinished(turn: &Turn<'_>, candidate: &ColourStatus) -> String {
    let unready = explain::because(turn.world, candidate);
    if !unready.is_empty() {
        return unready;
    }
    if let Some(probe) = probing::unfinished(turn, candidate, &[]) {
        return format!(": {probe}");
    }
    let through = pinned(candidate, probing::pods(turn, candidate));
    let mut journeys = turn.spec.verification.journeys.iter();
    let journey = journeys.find(|journey| {
        let standing = journeying::standing(turn, journey, &through);
        !matches!(standing, Journeying::Passed(_))
    });
    journey.map_or_else(String::new, |journey| {
        let name = &journey.name;
        format!(
            ": journey {name} has not ended: what its steps wait for did not come in time, or verification.timeout is too short for it"
        )
    })
}

/// A journey is of the pods that there are: where others take their place in the middle of it, it is walked again.
fn pinned(candidate: &ColourStatus, pods: Vec<String>) -> Through {
    let revision = candidate.revision.clone();
    Through::Pinned { revision, pods }
}

/// How smoke probes and journeys stand.
enum Trials {
    Passed(Vec<String>),
    Failed(Reason, String),
    Run(Vec<Question>),
    Later(Timestamp),
}

/// Probes first: a journey through a colour with a broken pod says less.
fn trials(turn: &Turn<'_>, candidate: &ColourStatus) -> Trials {
    let pods = match probing(turn, candidate, &[]) {
        Probing::Failed(why) => return Trials::Failed(Reason::SmokeProbeFailed, why),
        Probing::Run(questions) => return Trials::Run(questions),
        Probing::Later(at) => return Trials::Later(at),
        Probing::Passed(pods) => pods,
    };
    // A colour that lost pods is waited for; its journeys would tell of that.
    if !turn.world.serves(candidate, all_of) {
        return Trials::Passed(pods);
    }
    let through = pinned(candidate, pods.clone());
    let mut run = Vec::new();
    let mut asking = false;
    for journey in &turn.spec.verification.journeys {
        match journeying::standing(turn, journey, &through) {
            Journeying::Passed(_) => {}
            Journeying::Failed(_, why) => return Trials::Failed(Reason::JourneyFailed, why),
            Journeying::Asking | Journeying::At(_) => asking = true,
            Journeying::Now(attempt) => {
                match journeying::question(turn, journey, candidate, &through, attempt) {
                    Ok(question) => run.push(question),
                    Err(why) => return Trials::Failed(Reason::JourneyFailed, why),
                }
            }
        }
    }
    if run.is_empty() && !asking {
        Trials::Passed(pods)
    } else {
        Trials::Run(run)
    }
}

fn pass(turn: &mut Turn<'_>, candidate: &ColourStatus, pods: Vec<String>) -> Move {
    if turn.asked.pause {
        turn.say(
            Some(Reason::Paused),
            format!("{} passed; paused", candidate.version),
        );
        return Move::Wait(None);
    }
    let journeys = turn.spec.verification.journeys.len();
    let note = format!(
        "{} passed on {} pods, with {journeys} journeys",
        candidate.version,
        pods.len()
    );
    turn.tell(News::Verified, note);
    turn.next.verdict = Some(Verdict {
        revision: candidate.revision.clone(),
        pods,
        checks: turn.world.spec().checks.clone(),
        at: MicroTime(turn.now),
    });
    if turn.spec.promotion.mode == PromotionMode::Manual && !super::is_approved(turn, candidate) {
        turn.enter(Phase::AwaitingApproval);
        turn.tell(
            News::AwaitingApproval,
            super::how_to_approve(turn, candidate),
        );
        return Move::Changed;
    }
    open(turn, candidate)
}

/// Opens the journal: from here on the Services move.
pub(super) fn open(turn: &mut Turn<'_>, candidate: &ColourStatus) -> Move {
    let live = turn.next.live.clone();
    flip::open(turn, candidate, live.as_ref());
    turn.enter(Phase::Switching);
    Move::Changed
}
