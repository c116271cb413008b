//! One file per state; here is who takes the turn.

mod preparing;
mod probing;
mod recovering;
mod resting;
mod rolling_back;
mod switching;
mod verifying;

use std::collections::BTreeSet;

use changeover_crds::{
    Colour, ColourStatus, ExchangeReleaseSpec, HttpMethod, Outcome, Phase, names,
};
use serde_json_path::JsonPath;

use crate::machine::{Move, Turn};

/// Reasons a release can be rejected for, as conditions and status show them.
const REASONS: [&str; 6] = [
    "ProgressDeadlineExceeded",
    "SmokeProbeFailed",
    "VerificationTimeout",
    "TargetCannotServe",
    "SwitchDeadlineExceeded",
    "NothingToGoBackTo",
];

/// Takes one turn in the phase that the status names.
pub(crate) fn step(turn: &mut Turn<'_>) -> Move {
    match turn.next.phase {
        None => recovering::step(turn),
        Some(Phase::Preparing) => preparing::step(turn),
        Some(Phase::Verifying) => verifying::step(turn),
        Some(Phase::Switching) => switching::step(turn),
        Some(Phase::RollingBack) => rolling_back::step(turn),
        Some(Phase::Pending | Phase::Warm | Phase::Live | Phase::RolledBack | Phase::Rejected) => {
            resting::step(turn)
        }
    }
}

/// Starts a release of the revision that the spec names.
fn start(turn: &mut Turn<'_>) -> Move {
    // A revert finds its pods warm, a retry finds those that were kept for their logs.
    let (warm, kept) = (turn.next.warm.take(), turn.next.candidate.take());
    let standing = warm
        .into_iter()
        .chain(kept)
        .find(|role| role.revision == turn.wanted);
    let mut candidate = standing.unwrap_or_else(|| ColourStatus {
        colour: idle(turn),
        revision: turn.wanted.clone(),
        version: turn.spec.version.clone(),
        services: Vec::new(),
    });
    candidate.version.clone_from(&turn.spec.version);
    let note = format!(
        "{} is being prepared on {}",
        candidate.version, candidate.colour
    );
    turn.next.candidate = Some(candidate);
    turn.next.warm_until = None;
    turn.next.verdict = None;
    turn.next.rejected = None;
    turn.say(None, note.clone());
    turn.tell(false, "ReleaseStarted", note);
    turn.enter(Phase::Preparing);
    Move::Changed
}

/// The colour that no client uses. A first release that failed leaves Services without a live role.
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
        false,
        "Superseded",
        format!("{} is given up for a newer spec", candidate.version),
    );
    turn.next.candidate = None;
    turn.next.verdict = None;
    let live_again = turn
        .next
        .live
        .as_ref()
        .is_some_and(|live| live.revision == turn.wanted);
    if turn.invalid.is_some() || live_again {
        turn.enter(if turn.next.live.is_some() {
            Phase::Live
        } else {
            Phase::Pending
        });
        return Some(Move::Changed);
    }
    Some(start(turn))
}

/// What the schema cannot express: why this spec cannot be carried out, and what to change.
pub(crate) fn invalid(spec: &ExchangeReleaseSpec) -> Option<String> {
    let injected: BTreeSet<String> = ["EXCHANGE_COLOUR".to_owned(), "EXCHANGE_REVISION".to_owned()]
        .into_iter()
        .chain(spec.services.iter().map(|s| names::url_variable(&s.name)))
        .collect();
    spec.services.iter().find_map(|service| {
        let name = &service.name;
        let mut keys = service.config.keys().chain(service.env.iter().map(|v| &v.name));
        if let Some(key) = keys.find(|key| injected.contains(*key)) {
            return Some(format!("service {name}: {key} is set by the operator: choose another name in config and env"));
        }
        let mut bodiless = service.smoke.iter().filter(|probe| probe.method == HttpMethod::Head);
        if let Some(probe) = bodiless.find(|probe| !probe.expect.json.is_empty()) {
            return Some(format!("service {name}: smoke expects JSON of HEAD {}, which has no body: use GET", probe.path));
        }
        let mut paths = service.smoke.iter().flat_map(|probe| probe.expect.json.keys());
        paths.find_map(|path| JsonPath::parse(path).err().map(|error| {
            format!("service {name}: smoke expects {path}, which is no JSONPath (RFC 9535): {error}")
        }))
    })
}
