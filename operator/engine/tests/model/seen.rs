//! What the shell sees: typed objects, each made once of what the API server holds.

use std::sync::Arc;

use changeover_crds::{ExchangeRelease, names};
use changeover_engine::Observation;
use changeover_kubernetes_model::{Object, Store};
use serde::de::DeserializeOwned;

use super::faults::{CHILDREN, Fault};
use super::world::{RELEASE, World};

impl World {
    /// What is read of the children: they may be of an older state than the release, as from a slow watch.
    pub fn read(&self) -> Store {
        match self.fault {
            Some(Fault::Stale(ages)) => self.behind(ages),
            Some(Fault::Swapped(back)) => self.api.without(back),
            _ => None,
        }
        .unwrap_or_else(|| self.api.objects.clone())
    }

    /// What watches show that are so many states behind, or as many as are kept.
    fn behind(&self, ages: [usize; CHILDREN.len()]) -> Option<Store> {
        let mut store = self.api.objects.clone();
        for (kind, age) in CHILDREN.into_iter().zip(ages) {
            if age > 0 {
                let kept = self.past.iter().rev().nth(age);
                let (_, past) = kept.or(self.past.front())?;
                store.renew(&[kind], past);
            }
        }
        Some(store)
    }

    pub fn observe(&self, release: &Object, store: &Store) -> Observation {
        let shell = &self.shell;
        Observation {
            release: (*release.typed::<ExchangeRelease>()).clone(),
            deployments: typed(store, "Deployment"),
            services: typed(store, "Service"),
            config_maps: typed(store, "ConfigMap"),
            budgets: typed(store, "PodDisruptionBudget"),
            revisions: typed(store, "ControllerRevision"),
            pods: typed(store, "Pod"),
            slices: typed(store, "EndpointSlice"),
            answers: shell.answers.clone(),
            asking: shell.pending.iter().map(|q| q.key.clone()).collect(),
            approvers_verified: false,
            flips: shell.flips.clone(),
            written: shell.written,
            failures: shell.failures.clone(),
            memo: shell.memo.0.clone(),
        }
    }
}

fn typed<T: DeserializeOwned + Send + Sync + 'static>(store: &Store, kind: &str) -> Vec<Arc<T>> {
    let is_labelled = |o: &&Arc<Object>| o["metadata"]["labels"][names::RELEASE] == RELEASE;
    let objects = store.of(kind).values().filter(is_labelled);
    objects.map(|object| object.typed()).collect()
}
