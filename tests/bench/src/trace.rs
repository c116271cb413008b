//! When things happened, as watches of the API server tell it: the same clock for all, and the delay of a
//! watch (about a millisecond) on both ends of a span.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use changeover_crds::{Colour, ExchangeRelease, Phase};
use changeover_e2e::{SERVICES, Stage, while_waiting};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Resource;
use kube::api::WatchParams;
use kube::core::{NamespaceResourceScope, Request, WatchEvent};
use serde::de::DeserializeOwned;
use tokio::sync::watch::{self, Sender};
use tokio::task::AbortHandle;

use crate::shown::{self, Shown};

/// What can be waited for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// The release is in this phase.
    Phase(Phase),
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

/// What is so, and since when.
type Seen = HashMap<Mark, Instant>;

/// Watches one release, no longer than a watch lasts (290 s). It ends when it is dropped.
pub struct Trace {
    seen: Sender<Seen>,
    watches: Vec<AbortHandle>,
}

impl Trace {
    /// Begins to watch.
    ///
    /// # Errors
    /// If the API server does not let it.
    pub async fn start(stage: &Stage<'_>) -> Result<Self> {
        let mut trace = Self {
            seen: watch::channel(Seen::new()).0,
            watches: Vec::new(),
        };
        trace
            .watch::<ExchangeRelease, shown::Release>(stage)
            .await?;
        trace.watch::<Pod, shown::Pod>(stage).await?;
        trace.watch::<Service, shown::Service>(stage).await?;
        trace.watch::<EndpointSlice, shown::Slice>(stage).await?;
        Ok(trace)
    }

    async fn watch<K, S>(&mut self, stage: &Stage<'_>) -> Result<()>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
        S: Shown + Clone + DeserializeOwned + Send + 'static,
    {
        let api = stage.api::<K>();
        // With no version to begin at, what is there comes first.
        let request = Request::new(api.resource_url()).watch(&WatchParams::default(), "")?;
        let client = api.into_client();
        let mut changes = client.request_events::<S>(request).await?.boxed();
        let seen = self.seen.clone();
        let watch = tokio::spawn(async move {
            let mut last: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
            while let Some(change) = changes.next().await {
                let (name, is) = match change {
                    Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                        (object.name().to_owned(), object.marks())
                    }
                    Ok(WatchEvent::Deleted(object)) => (object.name().to_owned(), Vec::new()),
                    _ => continue,
                };
                let was = last.insert(name, is.clone()).unwrap_or_default();
                let now = Instant::now();
                seen.send_modify(|seen| changed(seen, &was, is, now));
            }
        });
        self.watches.push(watch.abort_handle());
        Ok(())
    }

    /// Waits until the release is in a phase.
    ///
    /// # Errors
    /// If it is not within `limit`.
    pub async fn reached(&self, phase: Phase, limit: Duration) -> Result<()> {
        let mut seen = self.seen.subscribe();
        let is_there = |seen: &Seen| seen.contains_key(&Mark::Phase(phase));
        let what = format!("waiting for {phase:?}");
        let reached = while_waiting(
            &what,
            String::new,
            tokio::time::timeout(limit, seen.wait_for(is_there)),
        );
        match reached.await {
            Ok(Ok(_)) => Ok(()),
            _ => bail!("the release was not {phase:?} within {limit:?}"),
        }
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
        let seen = self.seen.borrow();
        let at = SERVICES.map(|s| seen.get(&Mark::Points(s.to_owned(), colour)));
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
        let seen = self.seen.borrow();
        let meant = seen.iter().filter(|(mark, _)| is_meant(mark));
        let at = meant.map(|(_, at)| at).max();
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

fn changed(seen: &mut Seen, was: &[Mark], is: Vec<Mark>, now: Instant) {
    for mark in was.iter().filter(|mark| !is.contains(mark)) {
        seen.remove(mark);
    }
    for mark in is {
        seen.entry(mark).or_insert(now);
    }
}

/// Between two moments.
pub fn span(from: Instant, to: Instant) -> Duration {
    to.saturating_duration_since(from)
}
