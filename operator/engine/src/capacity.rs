//! How much of a colour is ready, and whether that is enough.

use changeover_crds::{Colour, ColourStatus, ServiceStatus};
use k8s_openapi::api::apps::v1::Deployment;

use crate::revision::{StoredRevision, StoredService};
use crate::world::World;

impl World<'_> {
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

    /// Pods that a service should have: as the spec says; where it no longer names the service, or cannot be carried
    /// out, as it last said; where that is not known, as many as stand; else as stored.
    #[must_use]
    pub fn desired(&self, service: &StoredService) -> i32 {
        let release = self.release();
        let is_valid = self.spec().invalid.is_none();
        let mut spec = release.spec.services.iter().filter(|_| is_valid);
        let asked = spec.find(|s| s.name == service.name).map(|s| s.replicas);
        let status = release.status.iter();
        let roles = status.flat_map(|s| [&s.live, &s.warm, &s.candidate].into_iter().flatten());
        let mut known = roles.flat_map(|role| role.services.iter());
        let last = || known.find(|s| s.name == service.name).map(|s| s.desired);
        let asked = asked.or_else(last).or_else(|| self.scaled(&service.name));
        asked.unwrap_or(service.replicas)
    }

    /// The scale of a service's Deployments: after a lost status, all that is known of what the spec said before.
    fn scaled(&self, service: &str) -> Option<i32> {
        let both = [Colour::Blue, Colour::Green].map(|colour| self.deployment(service, colour));
        let scale = |d: &Deployment| d.spec.as_ref()?.replicas;
        let scales = both.into_iter().flatten().filter_map(scale);
        scales.max().filter(|scale| *scale > 0)
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
