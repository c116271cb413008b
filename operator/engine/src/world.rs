use std::sync::Arc;

use changeover_crds::{Colour, ColourStatus, ExchangeRelease, ResourceExt, ServiceStatus, names};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};

use crate::memo::{Facts, SpecFacts, Stored};
use crate::observation::Observation;
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

    /// Whether a live Service selects exactly this colour and revision of its service.
    #[must_use]
    pub fn points_to(&self, service: &Service, role: &ColourStatus) -> bool {
        let wanted = label(service, names::SERVICE)
            .map(|name| crate::render::selector(&self.name(), name, &role.revision, role.colour));
        wanted.is_some()
            && service.spec.as_ref().and_then(|s| s.selector.as_ref()) == wanted.as_ref()
    }

    /// The stored revision, if it stands in the cluster.
    #[must_use]
    pub fn stored(&self, revision: &str) -> Option<&'a StoredRevision> {
        self.stored_as(revision).map(|stored| &stored.revision)
    }

    /// The same with the object's uid.
    pub(crate) fn stored_as(&self, revision: &str) -> Option<&'a Stored> {
        let name = names::stored_revision(&self.name(), revision);
        self.facts.stored.get(&name)
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

    /// Ready and desired pods of every service of a colour.
    #[must_use]
    pub fn counts(&self, role: &ColourStatus, stored: &StoredRevision) -> Vec<ServiceStatus> {
        let count = |service: &StoredService| {
            let mut known = role.services.iter().filter(|s| s.name == service.name);
            let (ready, desired) = (self.ready_count(&service.name, role), self.desired(service));
            ServiceStatus {
                name: service.name.clone(),
                ready,
                desired,
                reached: if ready >= desired {
                    Some(desired)
                } else {
                    known.find_map(|s| s.reached)
                },
            }
        };
        stored.services.iter().map(count).collect()
    }

    /// The same as far as it is known: without its stored revision, of the services that it had.
    pub(crate) fn counted(&self, role: &ColourStatus) -> Vec<ServiceStatus> {
        let Some(stored) = self.stored(&role.revision) else {
            let mut services = role.services.clone();
            for service in &mut services {
                service.ready = self.ready_count(&service.name, role);
            }
            return services;
        };
        self.counts(role, stored)
    }

    /// Pods that a service should have: as the spec says; where it no longer names the service, as stored.
    #[must_use]
    pub fn desired(&self, service: &StoredService) -> i32 {
        let spec = self
            .release()
            .spec
            .services
            .iter()
            .find(|s| s.name == service.name);
        spec.map_or(service.replicas, |s| s.replicas)
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

    /// Whether a colour could take all traffic: every service at least `threshold(desired)` ready.
    #[must_use]
    pub fn serves(&self, role: &ColourStatus, threshold: fn(i32) -> i32) -> bool {
        self.all(role, |s| s.ready >= threshold(s.desired))
    }

    /// Whether traffic may go to a colour, rather than stay on the other. While neither has half of what the spec
    /// asks, because that was raised a moment ago, half of what it had before is enough: the pods to come are
    /// no reason to leave clients with what fails.
    #[must_use]
    pub(crate) fn can_take(&self, role: &ColourStatus, other: Option<&ColourStatus>) -> bool {
        let has_half_of_before = || self.all(role, |s| s.ready >= half_of(s.expected()));
        self.serves(role, half_of)
            || !other.is_some_and(|other| self.serves(other, half_of)) && has_half_of_before()
    }

    fn all(&self, role: &ColourStatus, holds: impl Fn(&ServiceStatus) -> bool) -> bool {
        let stored = self.stored(&role.revision);
        stored.is_some_and(|stored| self.counts(role, stored).iter().all(holds))
    }
}

/// The whole colour: what a flip forward needs.
#[must_use]
pub(crate) fn all_of(desired: i32) -> i32 {
    desired
}

/// Half of the colour, and at least one pod: what a way back needs.
#[must_use]
pub(crate) fn half_of(desired: i32) -> i32 {
    ((desired + 1) / 2).max(1)
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
    object
        .owner_references()
        .iter()
        .any(|o| o.controller == Some(true) && Some(&o.uid) == uid)
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

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|c| c.type_ == "Ready" && c.status == "True")
}
