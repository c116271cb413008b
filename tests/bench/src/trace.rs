//! When things happened, as watches of the API server tell it: the same clock for all, and the delay of a
//! watch (about a millisecond) on both ends of a span.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use changeover_crds::{Colour, ExchangeRelease, names};
use changeover_e2e::{SERVICES, Stage};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use serde_json::Value;
use tokio::task::AbortHandle;

/// What can be waited for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// A pod of this colour, by its name, is ready.
    Ready(Colour, String),
    /// The probes' verdict on a revision stands in status.
    Verdict(String),
    /// A person's abort, by its token, stands in the annotations.
    Abort(String),
    /// A live Service selects a colour.
    Points(String, Colour),
    /// An EndpointSlice of a live Service shows pods of this colour only.
    Shows(String, Colour),
}

#[derive(Default)]
struct Seen {
    /// How each thing was last.
    now: BTreeSet<Mark>,
    /// When each became so.
    since: BTreeMap<Mark, Instant>,
}

/// Watches one release. It ends when it is dropped.
pub struct Trace {
    seen: Arc<Mutex<Seen>>,
    watches: Vec<AbortHandle>,
}

impl Trace {
    /// Begins to watch.
    pub fn start(stage: &Stage<'_>) -> Self {
        let mut trace = Self {
            seen: Arc::default(),
            watches: Vec::new(),
        };
        trace.watch::<ExchangeRelease>(stage, release_marks);
        trace.watch::<Pod>(stage, pod_marks);
        trace.watch::<Service>(stage, service_marks);
        trace.watch::<EndpointSlice>(stage, slice_marks);
        trace
    }

    fn watch<K>(&mut self, stage: &Stage<'_>, marks: fn(&K) -> Vec<Mark>)
    where
        K: Resource<Scope = kube::core::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned
            + Send
            + 'static,
        K::DynamicType: Default,
    {
        let seen = self.seen.clone();
        let changes = watcher(stage.api::<K>(), watcher::Config::default());
        let watch = tokio::spawn(async move {
            let mut changes = changes.default_backoff().applied_objects().boxed();
            let mut last: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
            while let Some(change) = changes.next().await {
                let Ok(object) = change else { continue };
                let is = marks(&object);
                let was = last.insert(object.name_any(), is.clone());
                locked(&seen).changed(&was.unwrap_or_default(), is);
            }
        });
        self.watches.push(watch.abort_handle());
    }

    /// When the last of the pods of a colour became ready.
    ///
    /// # Errors
    /// If none is.
    pub fn all_ready(&self, colour: Colour) -> Result<Instant> {
        self.last(|mark| matches!(mark, Mark::Ready(of, _) if *of == colour))
    }

    /// When the verdict on the newest revision was recorded.
    ///
    /// # Errors
    /// If there is none.
    pub fn verdict(&self) -> Result<Instant> {
        self.last(|mark| matches!(mark, Mark::Verdict(_)))
    }

    /// When the newest abort was recorded.
    ///
    /// # Errors
    /// If there is none.
    pub fn abort(&self) -> Result<Instant> {
        self.last(|mark| matches!(mark, Mark::Abort(_)))
    }

    /// When the first and the last live Service began to select a colour.
    ///
    /// # Errors
    /// If not all do.
    pub fn flips(&self, colour: Colour) -> Result<(Instant, Instant)> {
        let seen = locked(&self.seen);
        let at = SERVICES.map(|s| seen.since.get(&Mark::Points(s.to_owned(), colour)));
        let at: Option<Vec<_>> = at.into_iter().collect();
        let at = at.context("not all Services select it")?;
        let first = at.iter().min().context("no Service")?;
        let last = at.iter().max().context("no Service")?;
        Ok((**first, **last))
    }

    /// When the last EndpointSlice of a live Service showed a colour only.
    ///
    /// # Errors
    /// If none does.
    pub fn all_show(&self, colour: Colour) -> Result<Instant> {
        self.last(|mark| matches!(mark, Mark::Shows(_, of) if *of == colour))
    }

    fn last(&self, is_meant: impl Fn(&Mark) -> bool) -> Result<Instant> {
        let seen = locked(&self.seen);
        let meant = seen.now.iter().filter(|mark| is_meant(mark));
        let at = meant.filter_map(|mark| seen.since.get(mark)).max();
        at.copied().context("nothing of it was seen")
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        for watch in &self.watches {
            watch.abort();
        }
    }
}

impl Seen {
    fn changed(&mut self, was: &[Mark], is: Vec<Mark>) {
        let now = Instant::now();
        for mark in was.iter().filter(|mark| !is.contains(mark)) {
            self.now.remove(mark);
            self.since.remove(mark);
        }
        for mark in is {
            if self.now.insert(mark.clone()) {
                self.since.insert(mark, now);
            }
        }
    }
}

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn release_marks(release: &ExchangeRelease) -> Vec<Mark> {
    let verdict = release.status.as_ref().and_then(|s| s.verdict.as_ref());
    let verdict = verdict.map(|verdict| Mark::Verdict(verdict.revision.clone()));
    let abort = release.annotations().get(names::ABORT);
    let abort = abort.map(|token| Mark::Abort(token.clone()));
    verdict.into_iter().chain(abort).collect()
}

fn pod_marks(pod: &Pod) -> Vec<Mark> {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    let is_ready = conditions.any(|c| c.type_ == "Ready" && c.status == "True")
        && pod.metadata.deletion_timestamp.is_none();
    let colour = pod
        .labels()
        .get(names::COLOUR)
        .and_then(|label| colour_of(label));
    let mark = colour.map(|colour| Mark::Ready(colour, pod.name_any()));
    mark.filter(|_| is_ready).into_iter().collect()
}

fn service_marks(service: &Service) -> Vec<Mark> {
    let Some(name) = live(service.labels()) else {
        return Vec::new();
    };
    let selector = service.spec.as_ref().and_then(|s| s.selector.as_ref());
    let colour = selector.and_then(|s| s.get(names::COLOUR));
    let mark = colour.and_then(|label| colour_of(label));
    mark.map(|c| Mark::Points(name, c)).into_iter().collect()
}

fn slice_marks(slice: &EndpointSlice) -> Vec<Mark> {
    let Some(service) = live(slice.labels()) else {
        return Vec::new();
    };
    let targets = slice
        .endpoints
        .iter()
        .flatten()
        .filter_map(|e| e.target_ref.as_ref());
    let pods: Vec<&str> = targets.filter_map(|t| t.name.as_deref()).collect();
    let all_of = |colour: &Colour| {
        let part = format!("-{service}-{colour}-");
        !pods.is_empty() && pods.iter().all(|pod| pod.contains(&part))
    };
    let colour = Colour::ALL.into_iter().find(all_of);
    let mark = colour.map(|c| Mark::Shows(slice.name_any(), c));
    mark.into_iter().collect()
}

/// The service of a live Service, or of its EndpointSlice: both carry its labels.
fn live(labels: &BTreeMap<String, String>) -> Option<String> {
    let role = labels.get(names::ROLE)?;
    (role == names::ROLE_LIVE).then(|| labels.get(names::SERVICE).cloned())?
}

fn colour_of(label: &str) -> Option<Colour> {
    serde_json::from_value(Value::String(label.to_owned())).ok()
}

/// Between two moments.
pub fn span(from: Instant, to: Instant) -> Duration {
    to.saturating_duration_since(from)
}
