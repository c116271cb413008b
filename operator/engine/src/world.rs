use std::sync::Arc;

use changeover_crds::{Colour, ColourStatus, ExchangeRelease, ResourceExt, names};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::memo::{Facts, SpecFacts, Stored};
use crate::observation::Observation;
use crate::render;
use crate::revision::{StoredRevision, StoredService, is_short_of};

/// An observation, with the questions that the phases ask of it.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// What was observed.
    pub obs: &'a Observation,
    facts: &'a Facts,
}

/// Where a live Service points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointing {
    /// The colour in its selector, if all of the selector is as we write it.
    pub colour: Option<Colour>,
    /// The epoch that it is marked with; 0 if it has none.
    pub epoch: i64,
}

impl<'a> World<'a> {
    /// What was observed, with what follows from it.
    #[must_use]
    pub const fn new(obs: &'a Observation, facts: &'a Facts) -> Self {
        Self { obs, facts }
    }

    /// What follows from the spec.
    #[must_use]
    pub(crate) fn spec(&self) -> &'a SpecFacts {
        &self.facts.spec
    }

    /// The release.
    #[must_use]
    pub const fn release(&self) -> &'a ExchangeRelease {
        &self.obs.release
    }

    /// The release's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.release().name_any()
    }

    /// Whether an object belongs to this release, and not to a deleted namesake.
    pub(crate) fn is_ours(&self, object: &impl ResourceExt) -> bool {
        is_of(self.release(), object)
    }

    /// Whether an object is ours, or waits for the collector as the child of a deleted namesake. Of anything else that
    /// stands in our place, orphans too, the API server says that the name is taken.
    pub(crate) fn gives_way(&self, object: &impl ResourceExt) -> bool {
        let is_namesake = |o: &OwnerReference| o.kind == "ExchangeRelease" && o.name == self.name();
        object.meta().deletion_timestamp.is_some() || controller_of(object).is_some_and(is_namesake)
    }

    /// The live Service of a service.
    #[must_use]
    pub fn live_service(&self, service: &str) -> Option<&'a Service> {
        let name = names::live_service(&self.name(), service);
        named(&self.obs.services, &name).filter(|s| self.is_ours(*s))
    }

    /// The cluster address of a Service of ours.
    #[must_use]
    pub(crate) fn address(&self, name: &str) -> Option<String> {
        let service = named(&self.obs.services, name).filter(|s| self.is_ours(*s))?;
        let address = service.spec.as_ref()?.cluster_ip.clone()?;
        (!address.is_empty() && address != "None").then_some(address)
    }

    /// All live Services, of services that the spec no longer names too.
    pub fn live_services(&self) -> impl Iterator<Item = &'a Service> {
        let world = *self;
        each(&self.obs.services)
            .filter(move |s| world.is_ours(*s) && label(*s, names::ROLE) == Some(names::ROLE_LIVE))
    }

    /// Services that may lead clients to a colour: all under the release's name but the pinned ones, whoever owns them.
    pub(crate) fn leading(&self) -> impl Iterator<Item = &'a Service> {
        let world = *self;
        each(&self.obs.services)
            .filter(move |s| world.after_release(*s).is_some() && world.colour_of(*s).is_none())
    }

    /// A service's Deployment in one colour, of whatever revision.
    #[must_use]
    pub fn deployment(&self, service: &str, colour: Colour) -> Option<&'a Deployment> {
        let name = names::coloured(&self.name(), service, colour);
        named(&self.obs.deployments, &name).filter(|d| self.is_ours(*d))
    }

    /// Where a live Service points. `revision` is the one expected of the colour it names.
    #[must_use]
    pub fn pointing(&self, service: &Service) -> Pointing {
        let selector = service.spec.as_ref().and_then(|s| s.selector.as_ref());
        let colour = selector.and_then(|s| Colour::from_label(s.get(names::COLOUR)?));
        Pointing {
            colour,
            epoch: epoch_of(service),
        }
    }

    /// The service that a live Service is of. Its name says so: labels anyone can edit.
    pub(crate) fn service_of(&self, live: &'a Service) -> &'a str {
        self.after_release(live).unwrap_or_default()
    }

    /// The colour that a child is of, by its name. A label must not pass a live Service off for one of a colour.
    pub(crate) fn colour_of(&self, child: &'a impl ResourceExt) -> Option<Colour> {
        let name = self.after_release(child)?;
        // A service may be called `blue`; its live Service is of no colour.
        let is_of = |colour: &Colour| {
            name.strip_suffix(colour.as_str())
                .is_some_and(|of| of.len() > 1 && of.ends_with('-'))
        };
        Colour::ALL.into_iter().find(is_of)
    }

    fn after_release(&self, child: &'a impl ResourceExt) -> Option<&'a str> {
        let name = child.meta().name.as_deref()?;
        name.strip_prefix(self.name().as_str())?.strip_prefix('-')
    }

    /// Whether a live Service selects exactly this colour and revision of its service.
    #[must_use]
    pub fn points_to(&self, live: &'a Service, role: &ColourStatus) -> bool {
        let service = self.service_of(live);
        let wanted = render::selector(&self.name(), service, &role.revision, role.colour);
        live.spec.as_ref().and_then(|s| s.selector.as_ref()) == Some(&wanted)
    }

    /// The stored revision, if it stands in the cluster.
    #[must_use]
    pub fn stored(&self, revision: &str) -> Option<&'a StoredRevision> {
        self.stored_as(revision).map(|stored| &stored.revision)
    }

    /// The same with the object's uid.
    pub(crate) fn stored_as(&self, revision: &str) -> Option<&'a Stored> {
        let name = names::stored_revision(&self.name(), revision);
        let stored = self.facts.stored.get(&name);
        // Its name holds a part of the hash, and another can be found that begins with the same.
        stored.filter(|stored| stored.revision.revision == revision)
    }

    /// The services of a stored revision; none, if it does not stand in the cluster.
    #[must_use]
    pub fn services(&self, revision: &str) -> &'a [StoredService] {
        self.stored(revision)
            .map_or(&[], |stored| stored.services.as_slice())
    }

    /// The names of a role's services: as stored, and where that is gone, as status knows them.
    pub(crate) fn names_of(&self, role: &ColourStatus) -> Vec<String> {
        let known = role.services.iter().map(|s| s.name.clone());
        self.stored(&role.revision).map_or_else(
            || known.collect(),
            |stored| stored.services.iter().map(|s| s.name.clone()).collect(),
        )
    }

    /// Pods of one service in one colour and revision that are not being deleted.
    pub fn pods(&self, service: &str, role: &ColourStatus) -> impl Iterator<Item = &'a Pod> {
        each(&self.obs.pods).filter(move |pod| is_pod_of(pod, service, role))
    }

    /// Pods of another revision in a role's colour. One that a person took out of its ReplicaSet is theirs.
    pub(crate) fn strangers(&self, role: &ColourStatus) -> impl Iterator<Item = &'a Pod> {
        each(&self.obs.pods).filter(move |pod| {
            label(*pod, names::COLOUR) == Some(role.colour.as_str())
                && !label(*pod, names::REVISION).is_some_and(|r| is_short_of(r, &role.revision))
                && controller_of(*pod).is_some()
        })
    }

    /// The epoch of the last switch that is known of.
    #[must_use]
    pub fn switched(&self) -> i64 {
        let status = self.release().status.iter();
        let journal = status.flat_map(|s| s.switch.iter().map(|journal| journal.epoch));
        let services = self.live_services().map(epoch_of);
        journal.chain(services).max().unwrap_or(0)
    }

    /// An epoch that stands nowhere yet.
    #[must_use]
    pub fn new_epoch(&self) -> i64 {
        let status = self.release().status.iter();
        let roles = status.flat_map(|s| [&s.live, &s.warm, &s.candidate].into_iter().flatten());
        let obs = self.obs;
        let standing = [
            self.stamped(&obs.deployments),
            self.stamped(&obs.services),
            self.stamped(&obs.budgets),
            self.stamped(&obs.config_maps),
            self.stamped(&obs.revisions),
        ];
        let known = roles.map(|role| role.epoch).chain(standing);
        known.fold(self.switched(), i64::max).saturating_add(1)
    }

    /// The last epoch that a child of a kind carries.
    fn stamped<K: ResourceExt>(&self, children: &[Arc<K>]) -> i64 {
        let ours = each(children).filter(|child| self.is_ours(*child));
        ours.map(epoch_of).max().unwrap_or(0)
    }
}

pub(crate) fn each<K>(objects: &[Arc<K>]) -> impl Iterator<Item = &K> {
    objects.iter().map(AsRef::as_ref)
}

/// The object of this name.
pub(crate) fn named<'o, K: ResourceExt>(objects: &'o [Arc<K>], name: &str) -> Option<&'o K> {
    each(objects).find(|object| object.meta().name.as_deref() == Some(name))
}

pub(crate) fn is_of(release: &ExchangeRelease, object: &impl ResourceExt) -> bool {
    let uid = release.metadata.uid.as_ref();
    controller_of(object).is_some_and(|o| Some(&o.uid) == uid)
}

/// Who looks after an object: of its owners, the API server lets one be marked so.
pub(crate) fn controller_of(object: &impl ResourceExt) -> Option<&OwnerReference> {
    let mut owners = object.owner_references().iter();
    owners.find(|o| o.controller == Some(true))
}

pub(crate) fn label<'o>(object: &'o impl ResourceExt, key: &str) -> Option<&'o str> {
    object.labels().get(key).map(String::as_str)
}

pub(crate) fn epoch_of(object: &impl ResourceExt) -> i64 {
    let marks = [object.annotations(), object.labels()];
    let epochs = marks
        .iter()
        .filter_map(|m| m.get(names::EPOCH)?.parse().ok());
    epochs.max().unwrap_or(0)
}

pub(crate) fn is_pod_of(pod: &Pod, service: &str, role: &ColourStatus) -> bool {
    pod.metadata.deletion_timestamp.is_none()
        && label(pod, names::SERVICE) == Some(service)
        && label(pod, names::COLOUR) == Some(role.colour.as_str())
        && label(pod, names::REVISION).is_some_and(|r| is_short_of(r, &role.revision))
}

/// Whether a pod should have ended long ago: its deletion says when its grace is over. Of the end of one on a node that
/// is gone nobody may ever hear.
pub(crate) fn is_overdue(pod: &Pod, now: Timestamp) -> bool {
    const SLACK: SignedDuration = SignedDuration::from_secs(60);
    let ends = pod.metadata.deletion_timestamp.as_ref().map(|at| at.0);
    ends.is_some_and(|at| now.duration_since(at) > SLACK)
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|c| c.type_ == "Ready" && c.status == "True")
}
