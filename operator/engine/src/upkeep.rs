//! Children of every role as their stored revision says, and nothing else.

use std::hash::Hash;
use std::sync::Arc;

use changeover_crds::{ColourStatus, ExchangeReleaseStatus, Phase, ResourceExt, names};
use k8s_openapi::api::core::v1::Pod;
use serde::Serialize;

use crate::decision::{Child, Kind, Request, Target};
use crate::drift::drifted;
use crate::machine::Turn;
use crate::render::Renderer;
use crate::revision::{Plan, StoredRevision};
use crate::salvage::salvaged;
use crate::world::{World, each, is_overdue, named};
use crate::{leftovers, live, refusal, stamp};

/// The next batch of repairs; empty when all is as it should be. Live comes first, but for what is refused: an
/// admission policy that takes no change of what is live must not keep out the version that satisfies it.
pub(crate) fn next_batch(turn: &mut Turn<'_>) -> Vec<Request> {
    let moving = matches!(turn.next.phase, Some(Phase::Switching | Phase::RollingBack));
    if let Some(live) = turn.next.live.clone() {
        let mut batch = due(turn, children(turn, &live));
        if batch.is_empty() && !moving {
            let repairs = live::repairs(turn, &live);
            batch = due(turn, repairs);
        }
        if !batch.is_empty() {
            return batch;
        }
    }
    if let Some(warm) = turn.next.warm.clone() {
        let batch = due(turn, unused(turn, &warm));
        if !batch.is_empty() {
            return batch;
        }
    }
    // A rejected candidate is kept for its logs, not repaired.
    if let Some(candidate) = going_on(&turn.next).cloned() {
        let batch = of_candidate(turn, &candidate);
        if !batch.is_empty() {
            return batch;
        }
    }
    let leftovers = leftovers::due(turn, moving);
    due(turn, leftovers)
}

/// A candidate that goes on is nothing without all of its own. On a way back it is where clients are left, and its
/// repairs hold up no move.
fn of_candidate(turn: &mut Turn<'_>, candidate: &ColourStatus) -> Vec<Request> {
    let mut batch = unused(turn, candidate);
    if turn.next.phase == Some(Phase::RollingBack) {
        return due(turn, batch);
    }
    turn.stage += 1;
    if batch.is_empty() && turn.next.phase != Some(Phase::Switching) {
        batch.extend(outdated_plan(turn, candidate));
    }
    batch
}

/// The candidate, unless it is kept for its logs alone.
pub(crate) fn going_on(status: &ExchangeReleaseStatus) -> Option<&ColourStatus> {
    let has_ended = matches!(
        status.phase,
        Some(Phase::Rejected | Phase::RolledBack | Phase::Live)
    );
    status.candidate.as_ref().filter(|_| !has_ended)
}

/// What a candidate is verified with is what judges it once the spec has moved on. One that is longer than annotations
/// may be stays as it was first stored.
fn outdated_plan(turn: &Turn<'_>, candidate: &ColourStatus) -> Option<Request> {
    const LONGEST: usize = 200 << 10;
    let world = turn.world;
    let is_named = candidate.revision == turn.wanted && turn.invalid.is_none();
    let stored = world.stored(&candidate.revision).filter(|_| is_named)?;
    let name = names::stored_revision(&world.name(), &candidate.revision);
    let object = named(&world.obs.revisions, &name);
    let object = object.filter(|object| object.metadata.deletion_timestamp.is_none())?;
    let plan = Plan::of(turn.spec);
    let said = object.annotations().get(names::PLAN);
    if said.is_none() && stored.plan == plan {
        return None;
    }
    let text = serde_json::to_string(&plan).ok()?;
    (said != Some(&text) && text.len() <= LONGEST).then(|| Request::Apply {
        target: target(Kind::ControllerRevision, object),
        child: Renderer::new(world.release()).planned(&candidate.revision, text),
    })
}

/// Repairs that are not put off.
fn due(turn: &mut Turn<'_>, mut batch: Vec<Request>) -> Vec<Request> {
    turn.stage += 1;
    batch.retain(|request| {
        let put_off = refusal::put_off(turn, request);
        let is_due = put_off.is_none();
        turn.put_off.extend(put_off);
        is_due
    });
    batch
}

/// Repairs of a colour that is not live; nothing of it is deleted while a Service points there all the same.
fn unused(turn: &Turn<'_>, role: &ColourStatus) -> Vec<Request> {
    let mut batch = children(turn, role);
    let is_used = live::is_used(turn.world, role.colour, &turn.next);
    batch.retain(|request| !is_used || !matches!(request, Request::Delete(_)));
    batch
}

/// Stores a role's revision, if it is not: as its children stand, where all of them do; else as the spec says, if that
/// names it. An operator that renders otherwise than the one before must change no pod.
pub(crate) fn stored_anew(world: World<'_>, role: &ColourStatus) -> Option<Request> {
    let release = world.release();
    let name = names::stored_revision(&world.name(), &role.revision);
    if named(&world.obs.revisions, &name).is_some_and(|object| world.gives_way(object)) {
        return None;
    }
    let is_named = world.spec().revision == role.revision;
    let rendered = || is_named.then(|| StoredRevision::render(&world.name(), &release.spec));
    let revision = salvaged(world, role).or_else(rendered)?;
    let number = each(&world.obs.revisions)
        .map(|r| r.revision)
        .max()
        .unwrap_or(0);
    let child = Renderer::new(release).stored(&revision, number.saturating_add(1));
    Some(Request::Create(child.stamped(role.epoch)))
}

fn children(turn: &Turn<'_>, role: &ColourStatus) -> Vec<Request> {
    let world = turn.world;
    let Some(stored) = world.stored_as(&role.revision) else {
        return stored_anew(world, role).into_iter().collect();
    };
    let stamps = stamp::due(world, role);
    if !stamps.is_empty() {
        return stamps;
    }
    // Two generations of pods in one colour would be three colours' worth of load.
    let strangers = world
        .strangers(role)
        .filter(|pod| !is_overdue(pod, turn.now));
    let strangers: Vec<&Pod> = strangers.collect();
    let mut staying = strangers.iter().map(|pod| &pod.metadata.deletion_timestamp);
    let vacated = staying.all(Option::is_some);
    // Pods that finish what clients asked of them still call each other through the pinned Services:
    // pointed to the new revision, these would mix two versions in one answer.
    let calls_pending = !strangers.is_empty();
    let mut batch = Vec::new();
    let (ensure, renderer) = (Ensure { world, role }, Renderer::new(world.release()));
    let (name, revision, colour) = (world.name(), role.revision.as_str(), role.colour);
    for service in &stored.revision.services {
        let inputs = (&stored.uid, &service.name, colour.as_str());
        let coloured = names::coloured(&name, &service.name, colour);
        let config_map = names::config_map(&name, &service.name, revision);
        batch.extend(
            ensure.child(&world.obs.config_maps, &config_map, &inputs, || {
                renderer.config_map(revision, service)
            }),
        );
        let pinned = ensure.child(&world.obs.services, &coloured, &inputs, || {
            renderer.pinned(revision, service, colour)
        });
        batch.extend(pinned.filter(|r| !calls_pending || matches!(r, Request::Create(_))));
        let replicas = world.desired(service);
        // For a single pod it would allow every eviction, as none does.
        if replicas > 1 {
            batch.extend(ensure.child(&world.obs.budgets, &coloured, &inputs, || {
                renderer.budget(revision, service, colour)
            }));
        }
        // What changes while the revision does not is on Deployments alone.
        let inputs = (inputs, replicas, world.release().metadata.generation);
        let deployment = ensure.child(&world.obs.deployments, &coloured, &inputs, || {
            renderer.deployment(revision, service, colour, replicas)
        });
        batch.extend(deployment.filter(|r| vacated || !matches!(r, Request::Create(_))));
    }
    batch
}

/// Has the children of a role as they should be.
struct Ensure<'a> {
    world: World<'a>,
    role: &'a ColourStatus,
}

impl Ensure<'_> {
    /// Creates what is missing, deletes a Deployment of another revision, applies what drifted. What is written
    /// carries the role's epoch. `inputs` are all that it is rendered from, beside the release.
    fn child<K: ResourceExt + Serialize>(
        &self,
        have: &[Arc<K>],
        name: &str,
        inputs: &impl Hash,
        render: impl FnOnce() -> Child,
    ) -> Option<Request> {
        let Self { world, role } = *self;
        let standing = named(have, name).filter(|object| world.gives_way(*object));
        let Some(object) = standing else {
            return Some(Request::Create(render().stamped(role.epoch)));
        };
        if !world.is_ours(object) || object.meta().deletion_timestamp.is_some() {
            return None; // on its way out: wait
        }
        let want = drifted(world, object, inputs, render)?;
        let target = target(want.kind, object);
        if want.kind == Kind::Deployment && !same_pods(object, &want) {
            return Some(Request::Delete(target));
        }
        Some(Request::Apply {
            target,
            child: want.stamped(role.epoch),
        })
    }
}

/// Whether a Deployment is of the wanted revision. Its selector says so, which nobody can change; a
/// label says only what the last one who edited it wanted.
fn same_pods(object: &impl Serialize, wanted: &Child) -> bool {
    const SELECTOR: &str = "/spec/selector/matchLabels";
    let actual = serde_json::to_value(object).unwrap_or_default();
    actual.pointer(SELECTOR) == wanted.manifest.pointer(SELECTOR)
}

pub(crate) fn target(kind: Kind, object: &impl ResourceExt) -> Target {
    Target {
        kind,
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        resource_version: object.resource_version().unwrap_or_default(),
    }
}
