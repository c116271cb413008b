//! One file per state; here is who takes the turn.

mod awaiting;
mod baking;
mod journeying;
mod preparing;
mod probing;
mod recovering;
mod resting;
mod rolling_back;
mod switching;
mod verifying;

use changeover_crds::{Colour, ColourStatus, DrainEnd, Outcome, Phase};
use jiff::Timestamp;

use crate::machine::{Turn, after};
use crate::moves::Move;
use crate::news::News;
use crate::reason::Reason;
use crate::{commands, drain, flip};

/// Takes one turn in the phase that the status names.
pub(crate) fn step(turn: &mut Turn<'_>) -> Move {
    match turn.next.phase {
        None => recovering::step(turn),
        Some(Phase::Preparing) => preparing::step(turn),
        Some(Phase::Verifying) => verifying::step(turn),
        Some(Phase::Switching) => switching::step(turn),
        Some(Phase::RollingBack) => rolling_back::step(turn),
        Some(Phase::AwaitingApproval) => awaiting::step(turn),
        Some(Phase::Baking) => baking::step(turn),
        Some(Phase::Pending | Phase::Warm | Phase::Live | Phase::RolledBack | Phase::Rejected) => {
            resting::step(turn)
        }
    }
}

/// When the phase ends by itself, or what is kept for its logs goes. Not in it: a pause that goes on.
pub(crate) fn ends_at(turn: &Turn<'_>) -> Option<Timestamp> {
    let spec = turn.spec;
    let limit = match turn.next.phase? {
        Phase::Preparing => spec.progress_deadline,
        Phase::Verifying => spec.verification.timeout,
        Phase::AwaitingApproval => spec.promotion.approval_timeout,
        Phase::Switching | Phase::RollingBack => spec.switch_deadline,
        Phase::Baking => turn.plan().verification.bake,
        Phase::Warm => return turn.next.warm_until.as_ref().map(|until| until.0),
        Phase::Live | Phase::RolledBack | Phase::Rejected => {
            turn.next.candidate.as_ref()?;
            spec.keep_failed
        }
        Phase::Pending => return None,
    };
    let since = turn.next.phase_since.as_ref()?.0;
    let end = after(since, limit);
    Some(
        turn.next
            .paused_for
            .map_or(end, |paused| after(end, paused)),
    )
}

/// Says how a phase stands that has nothing more precise to say.
pub(crate) fn describe(turn: &mut Turn<'_>) {
    let to = turn.next.switch.as_ref().map(|journal| journal.to);
    let message = match (turn.next.phase, &turn.next.candidate, to) {
        (Some(Phase::Baking), ..) => return baking::describe(turn),
        (Some(Phase::Preparing), Some(new), _) => prepared(new),
        (Some(Phase::Verifying), Some(new), _) => {
            format!("{} on {} is being probed", new.version, new.colour)
        }
        (Some(Phase::AwaitingApproval), Some(new), _) if is_approved(turn, new) => {
            format!("{} is approved", new.version)
        }
        (Some(Phase::AwaitingApproval), Some(new), _) => how_to_approve(turn, new),
        (Some(Phase::Switching), _, Some(to)) => format!("the Services move to {to}"),
        (Some(Phase::RollingBack), _, Some(to)) => format!("the Services go back to {to}"),
        _ => return resting::describe(turn),
    };
    turn.say(None, message);
}

/// While a candidate is built and judged, what clients meet is told beside it.
pub(crate) fn warn(turn: &mut Turn<'_>) {
    if !turn.is_before_switch() {
        return;
    }
    let trouble = resting::degraded(turn);
    if !trouble.is_empty() {
        turn.why.message.push_str(&trouble);
        turn.why.reason = turn.why.reason.take().or(Some(Reason::LiveDegraded));
    }
}

fn prepared(candidate: &ColourStatus) -> String {
    format!(
        "{} is being prepared on {}",
        candidate.version, candidate.colour
    )
}

/// Starts a release of the revision that the spec names.
fn start(turn: &mut Turn<'_>) -> Move {
    // A revert finds its pods warm, a retry finds those that were kept for their logs.
    let (warm, kept) = (turn.next.warm.take(), turn.next.candidate.take());
    let reverts = warm.as_ref().is_some_and(|w| w.revision == turn.wanted);
    drain::end(
        turn,
        if reverts {
            DrainEnd::TakenBack
        } else {
            DrainEnd::Superseded
        },
    );
    let standing = warm
        .into_iter()
        .chain(kept)
        .find(|role| role.revision == turn.wanted);
    let colour = standing.as_ref().map(|role| role.colour);
    // What was warm has reached its scale.
    let services = standing.filter(|_| reverts).map(|role| role.services);
    let candidate = ColourStatus {
        colour: colour.unwrap_or_else(|| idle(turn)),
        revision: turn.wanted.to_owned(),
        version: turn.spec.version.clone(),
        epoch: turn.world.new_epoch(),
        services: services.unwrap_or_default(),
    };
    turn.tell(News::ReleaseStarted, prepared(&candidate));
    turn.next.candidate = Some(candidate);
    // What was warm is whole until it is given up: a person in need goes back to it past all gates.
    turn.next.warm_until = turn.next.warm_until.take().filter(|_| reverts);
    turn.void_verdict();
    turn.next.bake = None;
    turn.next.rejected = None;
    turn.enter(Phase::Preparing);
    Move::Changed
}

/// The colour that no client uses. Services are left without a live role where nothing tells its revision.
fn idle(turn: &Turn<'_>) -> Colour {
    let live = turn.next.live.as_ref().map(|role| role.colour);
    let used = live.or_else(|| {
        let mut services = turn.world.live_services();
        services.find_map(|s| turn.world.pointing(s).colour)
    });
    used.map_or(Colour::Blue, Colour::other)
}

/// Before the switch, a newer spec takes the candidate's place.
fn superseded(turn: &mut Turn<'_>) -> Option<Move> {
    let candidate = turn.next.candidate.clone()?;
    if candidate.revision == turn.wanted && turn.invalid.is_none() {
        if candidate.version != turn.spec.version {
            turn.next.candidate = Some(ColourStatus {
                version: turn.spec.version.clone(),
                ..candidate
            });
            return Some(Move::Changed);
        }
        return None;
    }
    turn.remember(&candidate, Outcome::Superseded);
    turn.tell(
        News::Superseded,
        format!("{} is given up for a newer spec", candidate.version),
    );
    let live_again = turn
        .next
        .live
        .as_ref()
        .is_some_and(|live| live.revision == turn.wanted);
    // Nothing new is begun while a person pauses.
    let begins = turn.invalid.is_none() && !live_again && !turn.asked.pause;
    if !begins {
        commands::take_warm_back(turn);
    }
    turn.next.candidate = None;
    turn.void_verdict();
    if begins {
        return Some(start(turn));
    }
    turn.enter(match (&turn.next.warm, &turn.next.live) {
        (Some(_), _) => Phase::Warm,
        (None, Some(_)) => Phase::Live,
        (None, None) => Phase::Pending,
    });
    Some(Move::Changed)
}

/// Back to the old colour, whatever state the new one is in. On a first release there is none, and what
/// was created stays, for its clients and its logs.
pub(crate) fn go_back(turn: &mut Turn<'_>, reason: Reason, why: &str) -> Move {
    if turn.next.phase != Some(Phase::Switching) {
        let Some(old) = turn.next.warm.take() else {
            return nothing_to_go_back_to(turn, why);
        };
        turn.next.candidate = turn.next.live.replace(old);
    }
    let (Some(old), Some(new)) = (turn.next.live.clone(), turn.next.candidate.clone()) else {
        if turn.world.live_services().next().is_none() {
            return turn.reject(Reason::NothingToGoBackTo, why);
        }
        // Clients can reach it: what comes after it must find it as what is live, and go back to it.
        turn.next.live = turn.next.candidate.take();
        return nothing_to_go_back_to(turn, why);
    };
    turn.blame(reason, why);
    drain::end(turn, DrainEnd::TakenBack);
    turn.next.bake = None;
    turn.tell(
        News::RollingBack,
        format!("{} goes back to {}: {why}", new.version, old.version),
    );
    flip::open(turn, &old, Some(&new));
    turn.enter(Phase::RollingBack);
    turn.say(None, why);
    Move::Changed
}

/// A first release that failed once clients could reach it: they stay where they are.
fn nothing_to_go_back_to(turn: &mut Turn<'_>, why: &str) -> Move {
    let Some(live) = turn.next.live.clone() else {
        return Move::Changed;
    };
    turn.next.rejected = Some(turn.rejection(&live, Reason::NothingToGoBackTo, why));
    turn.next.bake = None;
    turn.remember(&live, Outcome::Rejected);
    turn.tell(News::Rejected, format!("{} failed: {why}", live.version));
    turn.enter(Phase::Rejected);
    Move::Changed
}

/// Whether a person approved exactly this revision.
fn is_approved(turn: &Turn<'_>, candidate: &ColourStatus) -> bool {
    let approval = turn.next.approval.as_ref();
    approval.is_some_and(|a| a.revision == candidate.revision)
}

fn how_to_approve(turn: &Turn<'_>, candidate: &ColourStatus) -> String {
    let (version, revision) = (&candidate.version, &candidate.revision);
    // A value that stands there already would be no change. What follows an @ makes it one.
    let said = turn.next.handled.promote.as_ref();
    let is_said = said.is_some_and(|said| said.starts_with(revision.as_str()));
    let token = if is_said { "@<a new word>" } else { "" };
    format!(
        "{version} is verified and waits for an approval: kubectl exr promote, or annotate changeover.dev/promote={revision}{token} and changeover.dev/promote-by=<your user name>"
    )
}
