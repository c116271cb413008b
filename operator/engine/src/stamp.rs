//! Marks what stands of a colour from before it was the release's. A leader that was replaced may have decided to
//! delete it, and must come too late: docs/decisions/0006.

use std::sync::Arc;

use changeover_crds::{ColourStatus, ResourceExt, names};

use crate::decision::{Kind, Request};
use crate::revision::is_short_of;
use crate::upkeep::target;
use crate::world::{World, each, epoch_of, label};

/// Stamps that must be on a role's children before clients may reach it. What is made for it carries them already.
pub(crate) fn due(world: World<'_>, role: &ColourStatus) -> Vec<Request> {
    let obs = world.obs;
    let mut stamps = of(world, role, Kind::Deployment, &obs.deployments);
    stamps.extend(of(world, role, Kind::Service, &obs.services));
    stamps.extend(of(world, role, Kind::PodDisruptionBudget, &obs.budgets));
    stamps.extend(of(world, role, Kind::ConfigMap, &obs.config_maps));
    stamps.extend(of(world, role, Kind::ControllerRevision, &obs.revisions));
    stamps
}

fn of<K: ResourceExt>(
    world: World<'_>,
    role: &ColourStatus,
    kind: Kind,
    have: &[Arc<K>],
) -> Vec<Request> {
    let is_of_role = |object: &&K| {
        // What both colours of a revision share has none.
        label(*object, names::COLOUR).is_none_or(|colour| colour == role.colour.as_str())
            && label(*object, names::REVISION).is_some_and(|r| is_short_of(r, &role.revision))
    };
    let standing =
        each(have).filter(|o| world.is_ours(*o) && o.meta().deletion_timestamp.is_none());
    let unstamped = standing
        .filter(is_of_role)
        .filter(|o| epoch_of(*o) < role.epoch);
    let stamp = |object: &K| Request::Stamp {
        target: target(kind, object),
        epoch: role.epoch,
    };
    unstamped.map(stamp).collect()
}
