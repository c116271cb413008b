//! What the shell sees: typed objects, each made once of what the API server holds.

use std::sync::Arc;

use changeover_crds::{ExchangeRelease, names};
use changeover_engine::Observation;
use changeover_kubernetes_model::{KINDS, Object, Store};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::faults::Fault;
use super::world::{RELEASE, World};

impl World {
    /// What is read: as from watches that are slow, each in its own way.
    pub fn read(&self) -> Store {
        match self.fault {
            Some(Fault::Stale(ages)) => self.behind(ages),
            Some(Fault::Swapped(back)) => self.api.without(back),
            _ => None,
        }
        .unwrap_or_else(|| self.api.objects.clone())
    }

    /// What watches show that are so many states behind, or as many as are kept.
    fn behind(&self, ages: [usize; KINDS.len()]) -> Option<Store> {
        let history = &self.api.history;
        let mut store = self.api.objects.clone();
        for (kind, age) in KINDS.into_iter().zip(ages) {
            let past = history.ago(age.min(history.ages()))?;
            if kind != "ExchangeRelease" || self.may_show(past) {
                store.renew(&[kind], past);
            }
        }
        Some(store)
    }

    /// Whether the watch may show the release as it was then: the operator goes back to no state before the last
    /// one that it knows, which may be one that it wrote.
    pub fn may_show(&self, past: &Store) -> bool {
        let known = self.shell.known;
        known.is_some() && version(past) >= known
    }

    /// Whether what is read late hides what the operator wrote itself, which cannot be, or what someone did: that came
    /// too late then.
    pub fn hides_a_write(&self) -> bool {
        let (history, now) = (&self.api.history, self.api.version);
        let written = |kind| {
            self.shell
                .learned
                .get(kind)
                .max(self.acted.get(kind))
                .copied()
        };
        let hides = |kind, from: u64| written(kind).is_some_and(|version| version >= from);
        match self.fault {
            Some(Fault::Stale(ages)) => KINDS.into_iter().zip(ages).any(|(kind, age)| {
                let age = u64::try_from(age.min(history.ages())).unwrap();
                hides(kind, now + 1 - age)
            }),
            Some(Fault::Swapped(back)) => {
                let change = history.change(back);
                change.is_some_and(|(kind, version)| hides(kind, version))
            }
            _ => false,
        }
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
            failures: shell.standing(self.clock).cloned().collect(),
            memo: shell.memo.0.clone(),
        }
    }
}

/// The version of the release.
pub fn version(store: &Store) -> Option<u64> {
    version_of(store.of("ExchangeRelease").get(RELEASE)?)
}

pub fn version_of(object: &Value) -> Option<u64> {
    let version = object["metadata"]["resourceVersion"].as_str()?;
    version.parse().ok()
}

fn typed<T: DeserializeOwned + Send + Sync + 'static>(store: &Store, kind: &str) -> Vec<Arc<T>> {
    let is_labelled = |o: &&Arc<Object>| o["metadata"]["labels"][names::RELEASE] == RELEASE;
    let objects = store.of(kind).values().filter(is_labelled);
    objects.map(|object| object.typed()).collect()
}
