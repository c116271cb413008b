//! No status: a new release, which begins at once, or one whose status was lost (a restore, a replace).

use changeover_crds::{Colour, ColourStatus, Phase, ResourceExt, names};

use crate::capacity::half_of;
use crate::drain;
use crate::flip;
use crate::machine::Turn;
use crate::moves::Move;
use crate::news::News;
use crate::reason::Reason;
use crate::revision::{StoredRevision, is_short_of};
use crate::world::{each, label};

/// So many journals may have been opened with the status that was lost, and left no trace on any child. What they sent
/// may still be on its way: no epoch is given twice.
const UNSEEN: i64 = 100;

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    let mut colours: Vec<ColourStatus> = Colour::ALL
        .into_iter()
        .filter_map(|c| pointed_at(turn, c))
        .collect();
    // A split is joined on a colour that can take all of the traffic, if there is one.
    colours.sort_by_key(|role| !turn.world.serves(role, half_of));
    let mut colours = only_where_shared(turn, colours).into_iter();
    let Some(live) = colours.next() else {
        turn.enter(Phase::Pending);
        return super::resting::step(turn);
    };
    let other = colours.next();
    if other.is_some() {
        flip::open(turn, &live, other.as_ref());
        drain::presume_taken_back(turn, &live);
    } else {
        flip::begin_anew(turn, &live);
        // Its pods may yet serve a release that begins before they are gone.
        if let Some(idle) = standing(turn, live.colour.other()) {
            drain::presume_taken_back(turn, &idle);
        }
    }
    turn.enter(if other.is_some() {
        Phase::RollingBack
    } else {
        Phase::Live
    });
    let note = format!(
        "status was lost; {} on {} is live by the Services' selectors",
        live.version, live.colour
    );
    turn.tell(News::StatusRebuilt, note.clone());
    turn.say(Some(Reason::StatusRebuilt), note);
    turn.next.candidate = other;
    turn.next.live = Some(live);
    Move::Changed
}

/// A service that one revision alone has says nothing of where clients are: it waits for its colour to be collected.
fn only_where_shared(turn: &Turn<'_>, colours: Vec<ColourStatus>) -> Vec<ColourStatus> {
    let [one, other] = &colours[..] else {
        return colours;
    };
    let [one, other] = [one, other].map(|role| turn.world.names_of(role));
    let shared = turn.world.live_services().filter(|s| {
        let name = turn.world.service_of(s).to_owned();
        one.contains(&name) && other.contains(&name)
    });
    let pointed: Vec<Colour> = shared
        .filter_map(|s| turn.world.pointing(s).colour)
        .collect();
    let is_kept = |role: &ColourStatus| pointed.is_empty() || pointed.contains(&role.colour);
    colours.into_iter().filter(is_kept).collect()
}

/// The colour as a role, if a live Service points to it and its revision is still stored.
fn pointed_at(turn: &Turn<'_>, colour: Colour) -> Option<ColourStatus> {
    let service = turn
        .world
        .live_services()
        .find(|s| turn.world.pointing(s).colour == Some(colour))?;
    let short = service
        .spec
        .as_ref()?
        .selector
        .as_ref()?
        .get(names::REVISION)?;
    role(turn, short, colour)
}

/// The colour as a role, if a Deployment of it stands.
fn standing(turn: &Turn<'_>, colour: Colour) -> Option<ColourStatus> {
    let mut ours = each(&turn.world.obs.deployments).filter(|d| turn.world.is_ours(*d));
    let deployment = ours.find(|d| label(*d, names::COLOUR) == Some(colour.as_str()))?;
    role(turn, label(deployment, names::REVISION)?, colour)
}

/// A role of a revision that is still stored, or that the spec names and can be stored anew.
fn role(turn: &Turn<'_>, short: &str, colour: Colour) -> Option<ColourStatus> {
    let stored = each(&turn.world.obs.revisions).find(|r| {
        turn.world.is_ours(*r) && label(*r, names::REVISION) == Some(short) && r.uid().is_some()
    });
    let rendered = || StoredRevision::render(&turn.world.name(), turn.spec);
    let stored = stored
        .and_then(StoredRevision::of)
        .or_else(|| is_short_of(short, turn.wanted).then(rendered))?;
    let mut role = ColourStatus {
        colour,
        epoch: turn.world.new_epoch().saturating_add(UNSEEN),
        revision: stored.revision.clone(),
        version: stored.version.clone(),
        services: Vec::new(),
    };
    role.services = turn.world.counts(&role, &stored);
    Some(role)
}
