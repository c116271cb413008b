//! What the shell sees: typed objects, of which only those are replaced that changed since it looked last.

use std::sync::Arc;

use changeover_crds::{ExchangeRelease, names};
use changeover_engine::Observation;
use changeover_kubernetes_model::{Object, Store};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::de::DeserializeOwned;

use super::faults::Fault;
use super::world::{RELEASE, World};

/// The last observation, and the objects that it was made of.
#[derive(Default)]
pub struct Seen {
    obs: Option<Box<Observation>>,
    of: Shown,
}

#[derive(Default)]
struct Shown {
    release: Option<Arc<Object>>,
    deployments: Vec<Arc<Object>>,
    services: Vec<Arc<Object>>,
    config_maps: Vec<Arc<Object>>,
    budgets: Vec<Arc<Object>>,
    revisions: Vec<Arc<Object>>,
    pods: Vec<Arc<Object>>,
    slices: Vec<Arc<Object>>,
}

impl Clone for Seen {
    /// A world that is kept for later looks anew when it goes on.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Seen {
    /// Takes an observation back, to be brought up to date by the next look.
    pub fn keep(&mut self, obs: Box<Observation>) {
        self.obs = Some(obs);
    }
}

impl World {
    /// What is read of the children: they may be of an older state than the release, as from a slow watch.
    pub fn read(&self) -> Store {
        let stale = match self.fault {
            Some(Fault::Stale(age)) => self.past.iter().rev().nth(age).map(|(_, s)| s.clone()),
            Some(Fault::Swapped(back)) => self.api.without(back),
            _ => None,
        };
        stale.unwrap_or_else(|| self.api.objects.clone())
    }

    /// The last observation, brought up to date.
    pub fn observe(&mut self, release: &Arc<Object>, store: &Store) -> Box<Observation> {
        let Seen { obs, of } = &mut self.seen;
        let mut obs = obs.take().unwrap_or_else(|| {
            *of = Shown::default();
            Box::new(blank(release.typed()))
        });
        if of.release.as_ref().is_none_or(|r| !Arc::ptr_eq(r, release)) {
            obs.release.clone_from(release.typed());
            of.release = Some(release.clone());
        }
        show::<Deployment>(
            &mut obs.deployments,
            &mut of.deployments,
            store,
            "Deployment",
        );
        show::<Service>(&mut obs.services, &mut of.services, store, "Service");
        show::<ConfigMap>(
            &mut obs.config_maps,
            &mut of.config_maps,
            store,
            "ConfigMap",
        );
        show::<PodDisruptionBudget>(
            &mut obs.budgets,
            &mut of.budgets,
            store,
            "PodDisruptionBudget",
        );
        show::<ControllerRevision>(
            &mut obs.revisions,
            &mut of.revisions,
            store,
            "ControllerRevision",
        );
        show::<Pod>(&mut obs.pods, &mut of.pods, store, "Pod");
        show::<EndpointSlice>(&mut obs.slices, &mut of.slices, store, "EndpointSlice");
        obs.answers.clone_from(&self.shell.answers);
        obs.asking = self.shell.pending.iter().map(|q| q.key.clone()).collect();
        obs.flips.clone_from(&self.shell.flips);
        obs.failures.clone_from(&self.shell.failures);
        obs
    }
}

fn blank(release: &ExchangeRelease) -> Observation {
    Observation {
        release: release.clone(),
        deployments: Vec::new(),
        services: Vec::new(),
        config_maps: Vec::new(),
        budgets: Vec::new(),
        revisions: Vec::new(),
        pods: Vec::new(),
        slices: Vec::new(),
        answers: [].into(),
        asking: [].into(),
        approvers_verified: false,
        flips: [].into(),
        failures: Vec::new(),
    }
}

fn show<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    typed: &mut Vec<T>,
    shown: &mut Vec<Arc<Object>>,
    store: &Store,
    kind: &str,
) {
    let is_labelled = |o: &&Arc<Object>| o["metadata"]["labels"][names::RELEASE] == RELEASE;
    let mut place = 0;
    for object in store.of(kind).values().filter(is_labelled) {
        match shown.get_mut(place) {
            Some(known) if Arc::ptr_eq(known, object) => {}
            Some(known) => {
                *known = object.clone();
                typed[place].clone_from(object.typed());
            }
            None => {
                shown.push(object.clone());
                typed.push(object.typed::<T>().clone());
            }
        }
        place += 1;
    }
    shown.truncate(place);
    typed.truncate(place);
}
