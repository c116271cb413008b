//! Live Services: what clients use. They are repaired with care, and only ever moved by the fenced write.

use std::collections::BTreeSet;

use changeover_crds::{Colour, ColourStatus, ExchangeReleaseStatus, Phase, ResourceExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use crate::capacity::half_of;
use crate::decision::{Kind, Request};
use crate::drift::drifted;
use crate::flip;
use crate::machine::Turn;
use crate::memo::Stored;
use crate::observation::Flipped;
use crate::reason::Reason;
use crate::render::Renderer;
use crate::revision::{StoredRevision, StoredService};
use crate::upkeep::{going_on, target};
use crate::world::{World, each, is_ready, label};

/// Live Services exist, point to the live colour and have their ports. Selector and epoch are never
/// applied, only flipped: a forced apply from a stale read would put an old selector back.
pub(crate) fn repairs(turn: &Turn<'_>, live: &ColourStatus) -> Vec<Request> {
    let (world, status) = (turn.world, &turn.next);
    let Some(Stored {
        uid,
        revision: stored,
    }) = world.stored_as(&live.revision)
    else {
        return Vec::new();
    };
    let epoch = status.switch.as_ref().map_or(0, |s| s.epoch);
    let renderer = Renderer::new(world.release());
    let mut batch = flip::requests(world, live, stored, epoch, status);
    batch.retain(|request| match request {
        Request::Flip { service, .. } => {
            let elsewhere = stored
                .service(service)
                .is_some_and(|s| serves_elsewhere(world, live, s));
            !elsewhere && !is_too_soon(turn, request, epoch)
        }
        _ => true,
    });
    for service in &stored.services {
        let Some(object) = world.live_service(&service.name) else {
            continue;
        };
        let is_flipped = batch
            .iter()
            .any(|r| Some(r.name()) == object.metadata.name.as_deref());
        if is_flipped || object.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let want = drifted(world, object, &(uid, &service.name), || {
            renderer.live(service)
        });
        batch.extend(want.map(|child| Request::Apply {
            target: target(Kind::Service, object),
            child,
        }));
    }
    batch
}

/// Selectors that were put back more than this often in [`MINUTE`] are contested.
const CONTESTED: usize = 3;
const MINUTE: SignedDuration = SignedDuration::from_secs(60);
/// Shortest time between two repairs of a contested selector.
const APART: SignedDuration = SignedDuration::from_secs(1);

/// The last repairs of a selector within a minute; the switch itself was none.
fn repairs_of<'a>(world: World<'a>, service: &str, epoch: i64, now: Timestamp) -> Vec<&'a Flipped> {
    let flips = world.obs.flips.get(service).map_or(&[][..], Vec::as_slice);
    let of_epoch = flips.iter().filter(|flip| flip.epoch == epoch).skip(1);
    let recent = of_epoch.filter(|flip| now.duration_since(flip.at) < MINUTE);
    recent.collect()
}

/// Whether a flip would follow others of a contested selector at once.
pub(crate) fn is_too_soon(turn: &Turn<'_>, request: &Request, epoch: i64) -> bool {
    let Request::Flip { service, .. } = request else {
        return false;
    };
    let repairs = repairs_of(turn.world, service, epoch, turn.now);
    let last = repairs.last().filter(|_| repairs.len() > CONTESTED);
    last.is_some_and(|flip| turn.now.duration_since(flip.at) < APART)
}

/// Says so when someone else keeps changing a selector, and names the field managers that it was taken from;
/// when to look again.
pub(crate) fn contested(turn: &mut Turn<'_>) -> Option<Timestamp> {
    let (world, now) = (turn.world, turn.now);
    let epoch = turn.next.switch.as_ref().map_or(0, |s| s.epoch);
    let (service, repairs) = world.live_services().find_map(|service| {
        let repairs = repairs_of(world, world.service_of(service), epoch, now);
        (repairs.len() > CONTESTED).then(|| (service.name_any(), repairs))
    })?;
    let others = repairs.iter().flat_map(|flip| flip.from.iter());
    let others: BTreeSet<&str> = others.map(String::as_str).collect();
    let others: Vec<&str> = others.into_iter().collect();
    let others = others.join(", ");
    // What keeps clients from being served, or a spec from being carried out, is told first.
    if !turn.why.stalled {
        turn.say(
            Some(Reason::SelectorContested),
            format!(
                "the selector of Service {service} is changed again and again (field managers beside ours: {others}): let nothing else write it; it is put back at most once a second"
            ),
        );
    }
    now.checked_add(APART).ok()
}

/// Whether someone pointed a Service to pods that serve while the live colour does not: putting it
/// back now would cut clients off. It is put back when live serves again.
fn serves_elsewhere(world: World<'_>, live: &ColourStatus, service: &StoredService) -> bool {
    let Some(object) = world.live_service(&service.name) else {
        return false;
    };
    let elsewhere = world
        .pointing(object)
        .colour
        .is_some_and(|c| c != live.colour);
    let selector = object.spec.as_ref().and_then(|s| s.selector.as_ref());
    let is_selected = |pod: &&Pod| {
        selector
            .into_iter()
            .flatten()
            .all(|(key, value)| label(*pod, key) == Some(value))
    };
    let selected = each(&world.obs.pods).filter(|pod| is_ready(pod) && is_selected(pod));
    let enough =
        |ready: usize| i32::try_from(ready).unwrap_or(i32::MAX) >= half_of(world.desired(service));
    elsewhere && enough(selected.count()) && !enough(world.ready(&service.name, live).len())
}

/// Live Services of services that neither the live nor the warm colour has, nor a candidate that goes on: it may be what
/// was warm. What only a rejected one has is gone with the way back.
pub(crate) fn retired(world: World<'_>, status: &ExchangeReleaseStatus) -> Vec<Request> {
    let roles = [&status.live, &status.warm].into_iter().flatten();
    let roles = roles.chain(going_on(status));
    let stored: Vec<Option<&StoredRevision>> = roles.map(|r| world.stored(&r.revision)).collect();
    if status.live.is_none() || stored.iter().any(Option::is_none) {
        return Vec::new(); // without the stored revision nobody knows which services there are
    }
    let is_known = |name: &str| stored.iter().flatten().any(|s| s.service(name).is_some());
    world
        .live_services()
        .filter(|s| s.metadata.deletion_timestamp.is_none())
        .filter(|s| !is_known(world.service_of(s)))
        .map(|s| Request::Delete(target(Kind::Service, s)))
        .collect()
}

/// Whether clients reach a colour, be it because someone else changed a selector. What the live
/// revision no longer has stays on the old colour and goes with it.
pub(crate) fn is_used(world: World<'_>, colour: Colour, status: &ExchangeReleaseStatus) -> bool {
    let live = status.live.as_ref().and_then(|l| world.stored(&l.revision));
    let counts =
        |s| live.is_none_or(|live: &StoredRevision| live.service(world.service_of(s)).is_some());
    let mut leading = world.leading();
    leading.any(|s| counts(s) && world.pointing(s).colour == Some(colour))
}

/// Whether clients are served: all live Services stand, and each colour that one leads them to can do it. While the
/// Services move, that need not be the live role alone.
pub(crate) fn serves_clients(world: World<'_>, status: &ExchangeReleaseStatus) -> bool {
    let moving = matches!(status.phase, Some(Phase::Switching | Phase::RollingBack));
    let other = status.candidate.as_ref().filter(|_| moving);
    let roles = status.live.iter().chain(other);
    let mut used = roles
        .filter(|role| is_used(world, role.colour, status))
        .peekable();
    let first = status.live.as_ref().or(other);
    let mut services = first
        .map_or(&[][..], |role| world.services(&role.revision))
        .iter();
    let all_stand = services.all(|service| {
        let object = world.live_service(&service.name);
        object.is_some_and(|object| world.pointing(object).colour.is_some())
    });
    all_stand && used.peek().is_some() && used.all(|role| world.can_take(role, None))
}
