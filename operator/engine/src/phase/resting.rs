//! Pending, Live, Warm, RolledBack, Rejected: nothing moves. Repairs, timers, and the start of the next release.

use changeover_crds::{ColourStatus, Phase};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::baking;
use crate::flip::Progress;
use crate::machine::{Turn, after, soonest};
use crate::moves::Move;
use crate::news::News;
use crate::reason::Reason;
use crate::{drain, explain, flip, roles, upkeep};

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    if let Some(mv) = next_release(turn, turn.asked.retry) {
        return mv;
    }
    let timer = turn.ends_at();
    // Clients leave first, however short the window.
    let kept = turn.asked.pause || drain::goes_on(turn);
    if timer.is_some_and(|at| at <= turn.now) && !kept {
        return timer_ended(turn);
    }
    describe(turn);
    let (mut questions, drains_at) = drain::advance(turn);
    let batch = upkeep::next_batch(turn);
    if !batch.is_empty() {
        return Move::Requests(batch);
    }
    if is_first_switch_done(turn) {
        flip::close(turn);
        return Move::Changed;
    }
    let (told, told_at) = roles::tell(turn);
    questions.extend(told);
    let until = soonest([timer.filter(|_| !kept), drains_at, told_at]);
    if questions.is_empty() {
        Move::Wait(until)
    } else {
        Move::Ask(questions, until.unwrap_or(Timestamp::MAX))
    }
}

/// A first install that was given up while its Services were made: repairs have made all of them since.
fn is_first_switch_done(turn: &Turn<'_>) -> bool {
    let (live, journal) = (turn.next.live.as_ref(), turn.next.switch.as_ref());
    let switch = live.zip(journal).filter(|_| turn.is_first_switch_open());
    switch
        .is_some_and(|(live, journal)| matches!(flip::advance(turn, live, journal), Progress::Done))
}

/// The bake is over: the old colour stays warm for a while, if there is one.
pub(super) fn settle(turn: &mut Turn<'_>) -> Move {
    turn.next.bake = None;
    if turn.next.warm.is_some() {
        turn.next.warm_until = Some(MicroTime(after(turn.now, turn.spec.rollback_window)));
        turn.enter(Phase::Warm);
    } else {
        turn.enter(Phase::Live);
    }
    let version = turn.next.live.as_ref().map(|l| l.version.clone());
    let note = format!("{} stays live", version.unwrap_or_default());
    turn.tell(News::Baked, note);
    Move::Changed
}

fn next_release(turn: &mut Turn<'_>, retry: bool) -> Option<Move> {
    if turn.invalid.is_some() {
        return None;
    }
    let refused = turn.is_rejected();
    if refused && !retry {
        return None;
    }
    if let Some(live) = turn
        .next
        .live
        .clone()
        .filter(|live| live.revision == turn.wanted)
    {
        return if refused {
            Some(bake_again(turn, &live))
        } else {
            back_to_live(turn, live)
        };
    }
    (!turn.asked.pause).then(|| super::start(turn))
}

/// A first release that failed while it baked is live all the same: a retry watches it once more.
fn bake_again(turn: &mut Turn<'_>, live: &ColourStatus) -> Move {
    turn.next.rejected = None;
    baking::begin(turn, live);
    Move::Changed
}

/// The spec names what is live: a rejected revision is forgotten, a new version name is taken over.
fn back_to_live(turn: &mut Turn<'_>, live: ColourStatus) -> Option<Move> {
    let ended = matches!(
        turn.next.phase,
        Some(Phase::Rejected | Phase::RolledBack | Phase::Pending)
    );
    if ended {
        // What clients left a moment ago ends its drain first, and stays for its logs as it would have.
        turn.next.rejected = None;
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

fn timer_ended(turn: &mut Turn<'_>) -> Move {
    if turn.next.phase == Some(Phase::Warm) {
        let old = turn.next.warm.take().map(|w| w.version).unwrap_or_default();
        turn.enter(Phase::Live);
        turn.tell(
            News::Collected,
            format!("the rollback window is over: {old} is collected"),
        );
    } else {
        turn.next.candidate = None;
    }
    Move::Changed
}

pub(super) fn describe(turn: &mut Turn<'_>) {
    if let Some(invalid) = turn.invalid {
        turn.stall(Reason::InvalidSpec, invalid);
        return;
    }
    if let Some(rejected) = &turn.next.rejected {
        let live = turn.next.live.as_ref();
        let live = live.map_or_else(
            || "nothing is live".to_owned(),
            |l| format!("{} stays live", l.version),
        );
        let paused = if turn.asked.pause {
            "; paused, so that neither goes on before changeover.dev/pause is taken away"
        } else {
            ""
        };
        let retry = if turn.is_first_switch_open() {
            "; a retry waits until all live Services lead to its pods"
        } else {
            ""
        };
        let message = format!(
            "{} rejected: {}; {live}. Apply another version, or annotate changeover.dev/retry{retry}{paused}",
            rejected.version, rejected.message
        );
        let (reason, trouble) = (Reason::of(&rejected.reason), degraded(turn));
        // What clients meet now is more than what was refused before.
        let reason = if trouble.is_empty() {
            reason
        } else {
            Some(Reason::LiveDegraded)
        };
        turn.say(reason, format!("{message}{trouble}"));
        return;
    }
    let Some(live) = turn.next.live.clone() else {
        let (reason, what) = if turn.asked.pause {
            (
                Some(Reason::Paused),
                "paused: nothing is begun before changeover.dev/pause is taken away",
            )
        } else {
            (None, "waits for a spec that can be carried out")
        };
        turn.say(reason, what);
        return;
    };
    let trouble = explain::unready(turn.world, &live);
    let mut message = format!("{} is live on {}", live.version, live.colour);
    if let (Some(warm), Some(until)) = (&turn.next.warm, &turn.next.warm_until) {
        message = format!("{message}; {} stays warm on {}", warm.version, warm.colour);
        // A pause outlasts it.
        if !turn.asked.pause {
            message = format!("{message} until {:.0}", until.0);
        }
    }
    if turn.asked.pause {
        turn.say(
            Some(Reason::Paused),
            format!("{message}; paused: no forward step is taken"),
        );
    } else if trouble.is_empty() {
        turn.say(None, message);
    } else {
        turn.say(Some(Reason::LiveDegraded), format!("{message}; {trouble}"));
    }
}

/// What keeps the live colour from serving its clients, behind a full stop.
pub(super) fn degraded(turn: &Turn<'_>) -> String {
    let live = turn.next.live.as_ref();
    let broken = live.filter(|live| !turn.world.can_take(live, None));
    broken.map_or_else(String::new, |live| {
        let trouble = explain::because(turn.world, live);
        format!(". {} cannot serve{trouble}", live.version)
    })
}
