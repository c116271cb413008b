//! Who is behind a Service, as its EndpointSlices show it.

use std::collections::{BTreeMap, BTreeSet};

use changeover_crds::{ColourStatus, ResourceExt, names};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::world::{World, each, is_ready, label};

/// Label that the EndpointSlice controller puts on a slice: the Service it belongs to.
const SLICE_OF: &str = "kubernetes.io/service-name";

/// Uids of the pods behind a Service in one address family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) ready: BTreeSet<String>,
    pub(crate) all: BTreeSet<String>,
}

impl<'a> World<'a> {
    /// Pods that are Ready and that the pinned Service's EndpointSlices show as ready.
    #[must_use]
    pub fn ready(&self, service: &str, role: &ColourStatus) -> Vec<&'a Pod> {
        let pinned = names::coloured(&self.name(), service, role.colour);
        let families = self.endpoints(&pinned);
        let is_listed = |pod: &Pod| {
            let uid = pod.uid().unwrap_or_default();
            !families.is_empty() && families.values().all(|family| family.ready.contains(&uid))
        };
        self.pods(service, role)
            .filter(|pod| is_ready(pod) && is_listed(pod))
            .collect()
    }

    pub(crate) fn ready_count(&self, service: &str, role: &ColourStatus) -> i32 {
        i32::try_from(self.ready(service, role).len()).unwrap_or(i32::MAX)
    }

    /// Endpoints of a Service by address family, over all its EndpointSlices.
    pub(crate) fn endpoints(&self, service: &str) -> BTreeMap<&'a str, Endpoints> {
        let mut families: BTreeMap<&str, Endpoints> = BTreeMap::new();
        for slice in self.slices_of(service) {
            let family = families.entry(slice.address_type.as_str()).or_default();
            for endpoint in slice.endpoints.iter().flatten() {
                let uid = endpoint
                    .target_ref
                    .as_ref()
                    .and_then(|t| t.uid.clone())
                    .unwrap_or_default();
                // Nil counts as ready: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
                if endpoint.conditions.as_ref().and_then(|c| c.ready) != Some(false) {
                    family.ready.insert(uid.clone());
                }
                family.all.insert(uid);
            }
        }
        families
    }

    fn slices_of(&self, service: &str) -> impl Iterator<Item = &'a EndpointSlice> {
        each(&self.obs.slices).filter(move |s| label(*s, SLICE_OF) == Some(service))
    }
}
