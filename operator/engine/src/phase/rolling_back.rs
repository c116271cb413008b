//! Moves the Services back. There is no giving up: past the deadline it says so and goes on.

use changeover_crds::{ColourStatus, Outcome, Phase};

use crate::capacity::half_of;
use crate::flip::{self, Progress};
use crate::machine::Turn;
use crate::moves::Move;
use crate::news::News;
use crate::reason::Reason;
use crate::{drain, explain, live, refusal, upkeep};

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    let (Some(live), Some(_)) = (turn.next.live.clone(), turn.next.switch.clone()) else {
        turn.enter(Phase::Pending);
        return Move::Changed;
    };
    if turn.world.can_take(&live, turn.next.candidate.as_ref()) {
        return go_to(turn, &live);
    }
    give_up(turn, &live).unwrap_or_else(|| hold(turn, &live))
}

/// Past the deadline, with an old colour that still cannot serve, a newer spec ends the way back where clients are: it
/// may be all that mends the exchange.
fn give_up(turn: &mut Turn<'_>, live: &ColourStatus) -> Option<Move> {
    let other = turn.next.candidate.clone();
    let roles = [Some(live), other.as_ref()].into_iter().flatten();
    let is_newer = roles.clone().all(|role| role.revision != turn.wanted);
    if !is_newer || turn.invalid.is_some() || turn.asked.pause || turn.now < turn.deadline() {
        return None;
    }
    let is_known = |role: &&ColourStatus| turn.world.stored(&role.revision).is_some();
    let mut known = roles.clone().filter(is_known);
    let stays = known.find(|role| is_whole(turn, role))?.clone();
    if let Some(other) = &other {
        let outcome = if other.colour == stays.colour {
            Outcome::Rejected
        } else {
            Outcome::RolledBack
        };
        turn.remember(other, outcome);
    }
    let note = format!(
        "the way back to {} is given up for a newer spec",
        live.version
    );
    turn.tell(News::Superseded, note);
    turn.next.candidate = None;
    flip::begin_anew(turn, &stays);
    turn.next.live = Some(stays);
    Some(super::start(turn))
}

/// One way of all Services, to the old colour; where they are split and it cannot serve, to the other.
fn go_to(turn: &mut Turn<'_>, role: &ColourStatus) -> Move {
    let Some(journal) = turn.next.switch.clone() else {
        return Move::Changed;
    };
    let is_way_back = turn.next.live.as_ref() == Some(role);
    if journal.to != role.colour {
        return open(turn, role);
    }
    if let Some((questions, until)) = drain::take_back(turn, role) {
        return Move::Ask(questions, until);
    }
    let deadline = turn.deadline();
    let late = turn.now >= deadline;
    match flip::advance(turn, role, &journal) {
        Progress::Done if is_way_back => done(turn, role),
        // Joined; the old colour is waited for.
        Progress::Done => Move::Wait(None),
        // Whoever wrote that epoch did not write the journal, or this status would be refused: it goes on beyond it.
        Progress::Fenced(_) => open(turn, role),
        Progress::Requests(requests) => {
            if late {
                let trouble = refusal::not_carried_out(turn.world, &requests);
                turn.stall(Reason::RollbackLate, trouble);
            }
            Move::Requests(requests)
        }
        Progress::Unverified(message) if late => {
            turn.stall(Reason::RollbackLate, message);
            Move::Wait(None)
        }
        Progress::Unverified(message) => {
            turn.say(None, message);
            Move::Wait(Some(deadline))
        }
    }
}

/// Opens a journal of a way to this colour.
fn open(turn: &mut Turn<'_>, role: &ColourStatus) -> Move {
    let from = [&turn.next.live, &turn.next.candidate];
    let from = from.into_iter().flatten().find(|r| r.colour != role.colour);
    let from = from.cloned();
    flip::open(turn, role, from.as_ref());
    Move::Changed
}

/// The old colour cannot take the traffic yet: what serves is left where it is, but never in parts.
fn hold(turn: &mut Turn<'_>, live: &ColourStatus) -> Move {
    let trouble = explain::because(turn.world, live);
    let other = turn.next.candidate.clone();
    let other_serves = other
        .as_ref()
        .is_some_and(|o| turn.world.serves(o, half_of));
    // Before, pods may only be late.
    let hint = if turn.now < turn.deadline() {
        ""
    } else {
        "; a newer version that is applied now ends the way back where clients are"
    };
    let message = format!(
        "{} on {} cannot take the traffic yet{trouble}",
        live.version, live.colour
    );
    if other_serves {
        turn.stall(Reason::OldColourCannotServe, format!("{message}{hint}"));
    } else {
        let left = other.as_ref().map_or_else(String::new, |o| {
            format!(
                "; nor can {} on {}{}",
                o.version,
                o.colour,
                explain::because(turn.world, o)
            )
        });
        turn.stall(Reason::BothColoursBroken, format!("{message}{left}{hint}"));
    }
    // Missing pods may be missing because someone deleted a child.
    let batch = upkeep::next_batch(turn);
    if !batch.is_empty() {
        return Move::Requests(batch);
    }
    let Some(other) = other.filter(|other| !is_whole(turn, live) && !is_whole(turn, other)) else {
        return Move::Wait(None);
    };
    let is_used = [live, &other].map(|role| live::is_used(turn.world, role.colour, &turn.next));
    let to_other = match is_used {
        _ if other_serves => true,
        [true, false] => false,
        [false, true] => true,
        _ => share(turn, &other) > share(turn, live),
    };
    go_to(turn, if to_other { &other } else { live })
}

/// Whether every live Service of a colour stands and selects it.
fn is_whole(turn: &Turn<'_>, role: &ColourStatus) -> bool {
    let mut services = turn.world.services(&role.revision).iter();
    services.all(|service| {
        let object = turn.world.live_service(&service.name);
        object.is_some_and(|object| turn.world.points_to(object, role))
    })
}

/// The lowest share of ready pods over a colour's services, in thousandths.
fn share(turn: &Turn<'_>, role: &ColourStatus) -> i32 {
    let stored = turn.world.stored(&role.revision);
    let counts = stored
        .map(|s| turn.world.counts(role, s))
        .unwrap_or_default();
    let shares = counts.iter().map(|c| c.ready * 1000 / c.desired.max(1));
    shares.min().unwrap_or(0)
}

fn done(turn: &mut Turn<'_>, live: &ColourStatus) -> Move {
    flip::close(turn);
    if let Some(candidate) = turn.next.candidate.clone() {
        turn.remember(&candidate, Outcome::RolledBack);
        if let Some(journal) = turn.next.switch.clone() {
            drain::begin(turn, &candidate, journal.epoch);
        }
    }
    turn.void_verdict();
    turn.tell(News::RolledBack, format!("{} is live again", live.version));
    // A status that was rebuilt blames no revision: there is nothing to refuse.
    turn.enter(if turn.next.rejected.is_some() {
        Phase::RolledBack
    } else {
        Phase::Live
    });
    Move::Changed
}
