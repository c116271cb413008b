//! Probes every pod of the idle colour. The verdict and the journal of the switch are one write.

use changeover_crds::{ColourStatus, Phase, Verdict};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::probing::{Probing, probing};
use crate::machine::{Move, Turn};
use crate::world::all_of;
use crate::{explain, flip, upkeep};

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    if let Some(mv) = super::superseded(turn) {
        return mv;
    }
    let Some(candidate) = turn.next.candidate.clone() else {
        return super::start(turn);
    };
    let probes = probing(turn, &candidate, &[]);
    if let Probing::Failed(why) = &probes {
        return turn.reject("SmokeProbeFailed", why);
    }
    let deadline = turn.deadline(turn.spec.verification.timeout);
    if turn.now >= deadline {
        let trouble = trouble(turn, &candidate);
        let limit = turn.spec.verification.timeout;
        return turn.reject(
            "VerificationTimeout",
            &format!("not verified within {limit:?}{trouble}"),
        );
    }
    let batch = upkeep::next_batch(turn.world, &turn.next);
    if !batch.is_empty() {
        turn.say(None, format!("{} is being repaired", candidate.version));
        return Move::Requests(batch);
    }
    turn.say(
        None,
        format!(
            "{} on {} is being probed",
            candidate.version, candidate.colour
        ),
    );
    match probes {
        Probing::Run(targets) => Move::Probe(targets),
        Probing::Later(at) => Move::Wait(Some(at.min(deadline))),
        Probing::Passed(pods) if turn.world.serves(&candidate, all_of) => {
            pass(turn, &candidate, pods)
        }
        Probing::Passed(_) | Probing::Failed(_) => {
            let trouble = trouble(turn, &candidate);
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

fn pass(turn: &mut Turn<'_>, candidate: &ColourStatus, pods: Vec<String>) -> Move {
    turn.tell(
        false,
        "Verified",
        format!("{} passed on {} pods", candidate.version, pods.len()),
    );
    turn.next.verdict = Some(Verdict {
        revision: candidate.revision.clone(),
        pods,
        at: MicroTime(turn.now),
    });
    let live = turn.next.live.clone();
    flip::open(turn, candidate, live.as_ref());
    turn.enter(Phase::Switching);
    turn.say(
        None,
        format!(
            "{} passed; the Services move to {}",
            candidate.version, candidate.colour
        ),
    );
    Move::Changed
}

fn trouble(turn: &Turn<'_>, candidate: &ColourStatus) -> String {
    let stored = turn.world.stored(&candidate.revision);
    let trouble = stored
        .map(|s| explain::unready(turn.world, candidate, &s))
        .unwrap_or_default();
    if trouble.is_empty() {
        trouble
    } else {
        format!(": {trouble}")
    }
}
