//! Pending, Live, Warm, RolledBack, Rejected: nothing moves. Repairs, timers, and the start of the next release.

use changeover_crds::{ColourStatus, Phase};
use jiff::Timestamp;

use crate::machine::{Move, Turn};
use crate::{explain, upkeep};

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    let retry = turn.retry_token();
    if let Some(token) = &retry {
        turn.next.handled_retry = Some(token.clone());
    }
    if let Some(mv) = next_release(turn, retry.is_some()) {
        return mv;
    }
    if retry.is_some() {
        return Move::Changed;
    }
    let timer = timer(turn);
    if timer.is_some_and(|at| at <= turn.now) {
        return timer_ended(turn);
    }
    describe(turn);
    let batch = upkeep::next_batch(turn.world, &turn.next);
    if batch.is_empty() {
        Move::Wait(timer)
    } else {
        Move::Requests(batch)
    }
}

fn next_release(turn: &mut Turn<'_>, retry: bool) -> Option<Move> {
    if turn.invalid.is_some() {
        return None;
    }
    if let Some(live) = turn
        .next
        .live
        .clone()
        .filter(|live| live.revision == turn.wanted)
    {
        return back_to_live(turn, live);
    }
    let refused = turn
        .next
        .rejected
        .as_ref()
        .is_some_and(|r| r.revision == turn.wanted);
    if refused && !retry {
        return None;
    }
    Some(super::start(turn))
}

/// The spec names what is live: a rejected revision is forgotten, a new version name is taken over.
fn back_to_live(turn: &mut Turn<'_>, live: ColourStatus) -> Option<Move> {
    let ended = matches!(
        turn.next.phase,
        Some(Phase::Rejected | Phase::RolledBack | Phase::Pending)
    );
    if ended {
        turn.next.rejected = None;
        turn.next.candidate = None;
        turn.enter(Phase::Live);
    }
    let renamed = live.version != turn.spec.version;
    if renamed {
        turn.next.live = Some(ColourStatus {
            version: turn.spec.version.clone(),
            ..live
        });
    }
    (ended || renamed).then_some(Move::Changed)
}

/// When something that is only kept for a while may go.
fn timer(turn: &Turn<'_>) -> Option<Timestamp> {
    match turn.next.phase {
        Some(Phase::Warm) => turn.next.warm_until.as_ref().map(|t| t.0),
        Some(Phase::Rejected | Phase::RolledBack) if turn.next.candidate.is_some() => {
            Some(turn.deadline(turn.spec.keep_failed))
        }
        _ => None,
    }
}

fn timer_ended(turn: &mut Turn<'_>) -> Move {
    if turn.next.phase == Some(Phase::Warm) {
        let old = turn.next.warm.take().map(|w| w.version).unwrap_or_default();
        turn.next.warm_until = None;
        turn.enter(Phase::Live);
        turn.tell(
            false,
            "Collected",
            format!("the rollback window is over: {old} is collected"),
        );
    } else {
        turn.next.candidate = None;
    }
    Move::Changed
}

fn describe(turn: &mut Turn<'_>) {
    if let Some(invalid) = turn.invalid.clone() {
        turn.stall("InvalidSpec", invalid);
        return;
    }
    if let Some(rejected) = &turn.next.rejected {
        let live = turn.next.live.as_ref();
        let live = live.map_or_else(
            || "nothing is live".to_owned(),
            |l| format!("{} stays live", l.version),
        );
        let message = format!(
            "{} rejected: {}; {live}. Apply another version, or annotate changeover.dev/retry",
            rejected.version, rejected.message
        );
        turn.why.reason = None;
        turn.say(reason_word(&rejected.reason), message);
        return;
    }
    let Some(live) = turn.next.live.clone() else {
        turn.say(None, "waits for a spec that can be carried out");
        return;
    };
    let stored = turn.world.stored(&live.revision);
    let trouble = stored.map(|s| explain::unready(turn.world, &live, &s)).unwrap_or_else(|| {
        format!("stored revision {} is gone and the spec names another: apply the live version again", live.revision)
    });
    let mut message = format!("{} is live on {}", live.version, live.colour);
    if let (Some(warm), Some(until)) = (&turn.next.warm, &turn.next.warm_until) {
        message = format!(
            "{message}; {} stays warm on {} until {:.0}",
            warm.version, warm.colour, until.0
        );
    }
    if trouble.is_empty() {
        turn.say(None, message);
    } else {
        turn.say(Some("LiveDegraded"), format!("{message}; {trouble}"));
    }
}

/// Reasons that are stored in status, as the words conditions use.
fn reason_word(stored: &str) -> Option<&'static str> {
    super::REASONS.into_iter().find(|word| *word == stored)
}
