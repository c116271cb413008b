//! Shows the engine what is known, and reads from the API server what a decision is to rest on. What was read is
//! gone on from, for a moment: what is written meanwhile, the answers tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use changeover_crds::{ExchangeRelease, names};
use changeover_engine::{Children, Observation, Reads};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::api::ListParams;

use crate::cache::Kept;
use crate::client::{CallError, bounded};
use crate::context::Scope;
use crate::memory::LOOK;
use crate::metrics::{GET, LIST};
use crate::shelf::Watched;
use crate::slim;

/// One pass over a release.
pub struct Look<'a> {
    pub scope: Scope<'a>,
    /// What the watch shows of it.
    pub shown: &'a Watched,
    pub uid: String,
    /// What is to be read first.
    wanted: Reads,
    /// Whether that is only because nothing was read for long.
    in_passing: bool,
}

impl<'a> Look<'a> {
    pub fn new(scope: Scope<'a>, shown: &'a Watched) -> Self {
        let uid = shown.uid().unwrap_or_default();
        scope.ctx.memory.begin(&uid);
        let is_due = scope.ctx.memory.must_look(&uid, Instant::now());
        let in_passing = scope.cache.is_filled();
        Self {
            scope,
            shown,
            uid,
            in_passing,
            wanted: if is_due || !in_passing {
                Reads::EVERYTHING
            } else {
                Reads::NOTHING
            },
        }
    }

    /// Whether a decision on what was seen rests on reads that were made for it.
    pub fn covers(&self, reads: Reads) -> bool {
        let memory = &self.scope.ctx.memory;
        memory.covers(&self.uid, reads, Instant::now())
    }

    /// What was read does not hold any more, or is not enough: so much is read anew.
    pub fn again(&mut self, reads: Reads) {
        self.wanted = reads;
        self.in_passing = false;
    }

    /// The release as it is after a write of ours.
    pub fn wrote(&self, release: ExchangeRelease) {
        let memory = &self.scope.ctx.memory;
        memory.learn(&self.uid, slim::release(release), Instant::now());
    }

    /// One observation; `None` when the release is gone.
    pub async fn see(&mut self) -> Result<Option<Observation>, CallError> {
        let memory = &self.scope.ctx.memory;
        if !memory.has_notes(&self.uid) {
            return Ok(None); // the watch saw it go
        }
        let mut reads = std::mem::replace(&mut self.wanted, Reads::NOTHING);
        if let Err(error) = self.read_children(reads.children).await {
            if !self.in_passing {
                return Err(error);
            }
            // Whatever is decided on what watches showed says itself what must be read for it.
            let (name, namespace) = (&self.scope.of.name, &self.scope.of.namespace);
            tracing::warn!(name, namespace, %error, "not everything can be listed; tried again in {LOOK:?}");
            reads.children = Children::Nothing;
            memory.spare(&self.uid, Instant::now());
        }
        // The release comes last. Read earlier, it might not know yet that it is being deleted, while its
        // children already are: they would be made again.
        let known = memory.known(self.shown).filter(|_| !reads.release);
        let read = match known {
            Some(_) => None,
            None => self.read_release().await?.map(slim::release),
        };
        // Counted from the answers: a slow API server would never do otherwise.
        let now = Instant::now();
        if reads.children != Children::Nothing {
            memory.looked(&self.uid, reads.children, now);
        }
        if let Some(release) = &read {
            memory.learn(&self.uid, release.clone(), now);
        }
        let Some(release) = known.or(read) else {
            return Ok(None);
        };
        let mut seen = self.observation(release);
        memory.tidy(&seen, Timestamp::now());
        memory.recall(&mut seen);
        Ok(Some(seen))
    }

    /// The release, if it still is there. Another one of its name has passes of its own.
    async fn read_release(&self) -> Result<Option<ExchangeRelease>, CallError> {
        let metrics = &self.scope.ctx.metrics;
        let api = self.scope.api::<ExchangeRelease>();
        metrics.request(GET, "ExchangeRelease");
        let release = bounded(api.get_opt(&self.scope.of.name)).await;
        let release = release.inspect_err(|error| metrics.refused(GET, error.reason()))?;
        Ok(release.filter(|release| release.uid().as_ref() == Some(&self.uid)))
    }

    async fn read_children(&self, children: Children) -> Result<(), CallError> {
        let ready = async { tokio::try_join!(self.list::<Pod>(), self.list::<EndpointSlice>()) };
        let others = async {
            tokio::try_join!(
                self.list::<Deployment>(),
                self.list::<Service>(),
                self.list::<ConfigMap>(),
                self.list::<PodDisruptionBudget>(),
                self.list::<ControllerRevision>(),
            )
        };
        let read = match children {
            Children::Nothing => Ok(()),
            Children::Services => self.list::<Service>().await,
            Children::Readiness => ready.await.map(drop),
            Children::Everything => tokio::try_join!(ready, others).map(drop),
        };
        read.inspect_err(|error| self.scope.ctx.metrics.refused(LIST, error.reason()))
    }

    async fn list<K: Kept>(&self) -> Result<(), CallError> {
        let shelf = K::shelf(self.scope.cache);
        let sent = shelf.moment();
        let api = self.scope.api::<K>();
        let params =
            ListParams::default().labels(&format!("{}={}", names::RELEASE, self.scope.of.name));
        self.scope.ctx.metrics.request(LIST, &K::kind(&()));
        let list = bounded(api.list(&params)).await?;
        shelf.learn_all(self.scope.of, sent, list.items);
        Ok(())
    }

    fn observation(&self, release: ExchangeRelease) -> Observation {
        let Scope { cache, of, ctx } = self.scope;
        Observation {
            release,
            deployments: cache.deployments.of(of),
            services: cache.services.of(of),
            config_maps: cache.config_maps.of(of),
            budgets: cache.budgets.of(of),
            revisions: cache.revisions.of(of),
            pods: cache.pods.of(of),
            slices: cache.slices.of(of),
            answers: BTreeMap::new(),
            asking: BTreeSet::new(),
            approvers_verified: ctx.approvers_verified,
            flips: BTreeMap::new(),
            written: None,
            failures: Vec::new(),
            memo: Arc::default(),
        }
    }
}
