//! What no role needs goes: Deployments before the ConfigMaps that they mount, both before their stored revision.

use changeover_crds::{Colour, ColourStatus, ResourceExt, names};
use k8s_openapi::api::core::v1::Service;

use crate::decision::{Kind, Request};
use crate::live;
use crate::machine::Turn;
use crate::revision::is_short_of;
use crate::upkeep::target;
use crate::world::{World, each, label};

/// The next batch of deletions. Nothing that a Service of clients points to is ever in it.
pub(crate) fn due(turn: &Turn<'_>, moving: bool) -> Vec<Request> {
    let (world, status) = (turn.world, &turn.next);
    let roles = [&status.live, &status.warm, &status.candidate];
    let pointed = world.leading().map(|s| world.pointing(s).colour);
    let needs = Needs {
        world,
        roles: roles.into_iter().flatten().collect(),
        pointed: pointed.flatten().collect(),
    };
    let obs = world.obs;
    let quiet = each(&obs.services).filter(|s| !has_callers(world, s));
    let of_colours = [
        needs.deletions(Kind::Deployment, each(&obs.deployments), Needs::colour),
        needs.deletions(Kind::Service, quiet, Needs::colour),
        needs.deletions(Kind::PodDisruptionBudget, each(&obs.budgets), Needs::colour),
    ]
    .concat();
    if !of_colours.is_empty() || moving {
        return of_colours;
    }
    [
        live::retired(world, status),
        needs.deletions(Kind::ConfigMap, each(&obs.config_maps), Needs::revision),
        needs.deletions(
            Kind::ControllerRevision,
            each(&obs.revisions),
            Needs::revision,
        ),
    ]
    .concat()
}

/// What is needed: a colour that clients are led to, and revisions that have a role.
struct Needs<'a> {
    world: World<'a>,
    roles: Vec<&'a ColourStatus>,
    pointed: Vec<Colour>,
}

impl Needs<'_> {
    fn deletions<'a, K: ResourceExt + 'a>(
        &self,
        kind: Kind,
        objects: impl Iterator<Item = &'a K>,
        needs: impl Fn(&Self, &K) -> bool,
    ) -> Vec<Request> {
        let goes = |object: &&K| {
            self.world.is_ours(*object)
                && object.meta().deletion_timestamp.is_none()
                && !needs(self, object)
        };
        let leftovers = objects.filter(goes);
        leftovers
            .map(|o| Request::Delete(target(kind, o)))
            .collect()
    }

    fn roles_of(&self, revision: &str) -> impl Iterator<Item = &ColourStatus> {
        let roles = self.roles.iter().copied();
        roles.filter(move |role| is_short_of(revision, &role.revision))
    }

    /// Whether a child of a colour is needed.
    fn colour(&self, object: &impl ResourceExt) -> bool {
        let Some(colour) = self.world.colour_of(object) else {
            return true; // what clients use has none
        };
        let roles = label(object, names::REVISION).map(|revision| self.roles_of(revision));
        self.pointed.contains(&colour)
            || roles.is_some_and(|mut roles| roles.any(|r| r.colour == colour))
    }

    /// Whether what is stored of a revision is: ConfigMaps go only after the Deployments that mount them.
    fn revision(&self, object: &impl ResourceExt) -> bool {
        let Some(revision) = label(object, names::REVISION) else {
            return true;
        };
        let mut deployments = each(&self.world.obs.deployments);
        revision == names::short_revision(&self.world.spec().revision)
            || self.roles_of(revision).next().is_some()
            || deployments.any(|d| label(d, names::REVISION) == Some(revision))
    }
}

/// Whether pods of a pinned Service's colour and revision run, and may call each other through it, or are to come.
fn has_callers(world: World<'_>, pinned: &Service) -> bool {
    let mut pods = each(&world.obs.pods);
    let mut deployments = each(&world.obs.deployments);
    pods.any(|pod| is_beside(pod, pinned)) || deployments.any(|d| is_beside(d, pinned))
}

fn is_beside(object: &impl ResourceExt, pinned: &Service) -> bool {
    let mut keys = [names::COLOUR, names::REVISION].into_iter();
    keys.all(|key| label(object, key) == label(pinned, key))
}
