//! Moving live Services to a colour: flip, verify. The same path both ways.

use changeover_crds::{
    ColourStatus, ExchangeReleaseStatus, Phase, ResourceExt, ServiceSwitch, SwitchStatus, names,
};
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::{Map, Value, json};

use crate::decision::{Kind, Request};
use crate::endpoints::Endpoints;
use crate::live;
use crate::machine::Turn;
use crate::observation::Failure;
use crate::refusal;
use crate::render::{self, Renderer};
use crate::revision::{StoredRevision, StoredService};
use crate::stamp;
use crate::upkeep::target;
use crate::world::{World, epoch_of};

/// How long the recorded address of a deleted live Service is asked for before any other will do.
const ADDRESS_PATIENCE: SignedDuration = SignedDuration::from_secs(10);
/// What the API server answers when an address is taken.
pub(crate) const ADDRESS_REFUSED: u16 = 422;

/// How far a flip is.
pub(crate) enum Progress {
    /// Send these, then look again.
    Requests(Vec<Request>),
    /// A Service carries an epoch beyond the journal's: another operator leads.
    Fenced(String),
    /// Patched; these Services' EndpointSlices do not show the colour alone yet.
    Unverified(String),
    /// The EndpointSlices of every live Service show this colour and nothing else.
    Done,
}

/// Opens the journal of a switch to `to`. It must be in status before any Service is touched.
pub(crate) fn open(turn: &mut Turn<'_>, to: &ColourStatus, from: Option<&ColourStatus>) {
    let services = turn.world.names_of(to);
    let known = turn
        .next
        .switch
        .as_ref()
        .map(|s| s.services.clone())
        .unwrap_or_default();
    let entry = |name: String| ServiceSwitch {
        switched: false,
        cluster_ip: known
            .iter()
            .find(|k| k.name == name)
            .and_then(|k| k.cluster_ip.clone()),
        name,
    };
    turn.next.switch = Some(SwitchStatus {
        epoch: turn.world.switched().saturating_add(1).max(to.epoch),
        from: from.map(|role| role.colour),
        to: to.colour,
        started_at: MicroTime(turn.now),
        finished_at: None,
        switch_millis: None,
        skew_millis: None,
        verify_millis: None,
        services: services.into_iter().map(entry).collect(),
    });
}

/// A journal of a way that clients need not go: they are there. What was decided before is fenced off by its epoch,
/// which their Services carry next.
pub(crate) fn begin_anew(turn: &mut Turn<'_>, on: &ColourStatus) {
    open(turn, on, None);
    if let Some(journal) = &mut turn.next.switch {
        journal.finished_at = Some(journal.started_at.clone());
    }
}

/// Closes the journal, with the figures.
pub(crate) fn close(turn: &mut Turn<'_>) {
    let (now, world) = (turn.now, turn.world);
    let Some(journal) = &mut turn.next.switch else {
        return;
    };
    // Its first patch is what moved a Service; later ones repaired it.
    let flips = world.obs.flips.values();
    let answered: Vec<i64> = flips
        .filter_map(|flips| flips.iter().find(|flip| flip.epoch == journal.epoch))
        .map(|flip| flip.at.as_microsecond())
        .collect();
    // Only a process that saw every answer can tell these.
    let complete = answered.len() == journal.services.len();
    let ends = answered.iter().min().zip(answered.iter().max());
    let ends = ends.filter(|_| complete);
    let millis = |micros: i64| (micros + 500) / 1000;
    journal.skew_millis = ends.map(|(first, last)| millis(last - first));
    journal.verify_millis = ends.map(|(_, last)| millis(now.as_microsecond() - last));
    journal.switch_millis = Some(now.as_millisecond() - journal.started_at.0.as_millisecond());
    journal.finished_at = Some(MicroTime(now));
}

/// The next thing to do so that every live Service points to `to`.
pub(crate) fn advance(turn: &Turn<'_>, to: &ColourStatus, journal: &SwitchStatus) -> Progress {
    let world = turn.world;
    let Some(stored) = world.stored(&to.revision) else {
        return Progress::Unverified(format!("stored revision {} is gone", to.revision));
    };
    if let Some(message) = fenced(world, journal) {
        return Progress::Fenced(message);
    }
    let stamps = stamp::due(world, to);
    if !stamps.is_empty() {
        return Progress::Requests(stamps);
    }
    let mut flips = requests(world, to, stored, journal.epoch, &turn.next);
    // Forward those first that do not stand yet: should a name be taken, nobody was moved. A way back waits for none.
    let is_made = |request: &Request| matches!(request, Request::Create(_));
    if turn.next.phase == Some(Phase::Switching) && flips.iter().any(is_made) {
        flips.retain(is_made);
    }
    // Backward what stands is enough, where a name that is needed was taken meanwhile.
    let left = left_out(turn, &mut flips);
    let moved = flips.len();
    flips.retain(|flip| !live::is_too_soon(turn, flip, journal.epoch));
    if !flips.is_empty() {
        return Progress::Requests(flips);
    }
    if moved > 0 {
        let why = "selectors are changed by someone else as soon as they are set";
        return Progress::Unverified(why.to_owned());
    }
    let mut services = stored.services.iter().filter(|s| !left.contains(&s.name));
    match services.find(|s| !is_verified(world, &s.name, to)) {
        Some(service) => Progress::Unverified(format!(
            "EndpointSlices of Service {} do not show {} alone yet",
            names::live_service(&world.name(), &service.name),
            to.colour
        )),
        None => Progress::Done,
    }
}

/// Takes out of a way back the live Services that cannot be made for now; whose they are. They are repaired once it is
/// done: it must not be held for ever by a name that someone else has.
fn left_out(turn: &Turn<'_>, flips: &mut Vec<Request>) -> Vec<String> {
    let is_left = |flip: &Request| {
        turn.next.phase == Some(Phase::RollingBack)
            && matches!(flip, Request::Create(_))
            && refusal::put_off(turn, flip).is_some()
    };
    let left = flips.extract_if(.., |flip| is_left(flip));
    left.filter_map(|flip| Some(flip.flips()?.0.to_owned()))
        .collect()
}

/// Why nothing may be moved: another operator has moved it since.
fn fenced(world: World<'_>, journal: &SwitchStatus) -> Option<String> {
    let service = world
        .live_services()
        .find(|s| epoch_of(*s) > journal.epoch)?;
    Some(format!(
        "Service {} carries epoch {}, the journal says {}",
        service.name_any(),
        epoch_of(service),
        journal.epoch
    ))
}

/// Creates live Services that are missing and flips those that point elsewhere.
pub(crate) fn requests(
    world: World<'_>,
    to: &ColourStatus,
    stored: &StoredRevision,
    epoch: i64,
    status: &ExchangeReleaseStatus,
) -> Vec<Request> {
    let renderer = Renderer::new(world.release());
    let request = |service: &StoredService| match world.live_service(&service.name) {
        None => {
            let make = |address: Option<&str>| {
                let child = renderer.new_live(service, &to.revision, to.colour, epoch, address);
                Request::Create(child)
            };
            Some(made(world, status, &service.name, make))
        }
        Some(object) if object.metadata.deletion_timestamp.is_some() => None,
        Some(object) if world.points_to(object, to) && epoch_of(object) >= epoch => None,
        Some(object) => Some(Request::Flip {
            target: target(Kind::Service, object),
            service: service.name.clone(),
            colour: to.colour,
            epoch,
            patch: patch(world, object, &service.name, to, epoch),
            from: others(object),
        }),
    };
    stored.services.iter().filter_map(request).collect()
}

/// Who else wrote the selector as it is.
fn others(object: &Service) -> Vec<String> {
    let managers = object.metadata.managed_fields.iter().flatten();
    let managers = managers.filter_map(|entry| entry.manager.clone());
    managers.filter(|name| name != names::MANAGER).collect()
}

/// A JSON merge patch: selector keys that are not ours go, since a selector is the conjunction of all.
fn patch(
    world: World<'_>,
    object: &Service,
    service: &str,
    to: &ColourStatus,
    epoch: i64,
) -> Value {
    let wanted = render::selector(&world.name(), service, &to.revision, to.colour);
    let present = object
        .spec
        .as_ref()
        .and_then(|s| s.selector.as_ref())
        .into_iter()
        .flatten();
    let mut selector: Map<String, Value> =
        present.map(|(key, _)| (key.clone(), Value::Null)).collect();
    selector.extend(wanted.into_iter().map(|(key, value)| (key, value.into())));
    json!({
        "metadata": {
            "uid": object.metadata.uid,
            "resourceVersion": object.metadata.resource_version,
            "annotations": {names::EPOCH: epoch.max(epoch_of(object)).to_string()},
        },
        "spec": {"selector": selector},
    })
}

/// Whether, in every address family of its own, a live Service has exactly the pinned Service's ready pods. Someone
/// may have given it a family more than the pinned one has.
fn is_verified(world: World<'_>, service: &str, to: &ColourStatus) -> bool {
    let live = world.endpoints(&names::live_service(&world.name(), service));
    let pinned = world.endpoints(&names::coloured(&world.name(), service, to.colour));
    let mut all = Endpoints::default();
    for family in pinned.into_values() {
        all.ready.extend(family.ready);
        all.all.extend(family.all);
    }
    let is_same = |family: &Endpoints| family.ready == all.ready && family.all.is_subset(&all.all);
    !live.is_empty() && !all.ready.is_empty() && live.values().all(is_same)
}

/// Where clients reach a Service.
pub(crate) fn address(service: &Service) -> Option<String> {
    service.spec.as_ref()?.cluster_ip.clone()
}

/// A live Service that is missing, with the address it had: clients that resolved its name still connect there. The API
/// server frees an address only a moment after its Service is gone, so a refusal is no reason to take another at once.
fn made(
    world: World<'_>,
    status: &ExchangeReleaseStatus,
    service: &str,
    make: impl Fn(Option<&str>) -> Request,
) -> Request {
    let mut journal = status.switch.iter().flat_map(|s| s.services.iter());
    let known = journal.find(|s| s.name == service);
    let same = make(known.and_then(|s| s.cluster_ip.as_deref()));
    let other = make(None);
    let [of_same, of_other] = [&same, &other].map(ToString::to_string);
    let is_over = |f: &Failure| f.request == of_same && f.insisted() >= ADDRESS_PATIENCE;
    let mut refused = world.obs.failures.iter();
    let gives_up =
        refused.any(|f| f.code == ADDRESS_REFUSED && (is_over(f) || f.request == of_other));
    if gives_up { other } else { same }
}
