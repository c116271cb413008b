//! Reads what the engine wants to know: at the beginning of a pass the release from the API server and its
//! children from the cache; where the engine wants more, the children from the API server. What was read there
//! is gone on from, for a moment: what is written meanwhile, the answers tell.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use changeover_crds::{ExchangeRelease, names};
use changeover_engine::{Observation, Reads};
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
use crate::memory::FRESH;

/// What one pass has read of a release.
pub struct Look<'a> {
    pub scope: Scope<'a>,
    uid: &'a str,
    /// The release, and when it was read.
    release: Option<(ExchangeRelease, Instant)>,
    /// What is to be read from the API server first.
    wanted: Reads,
}

impl<'a> Look<'a> {
    pub fn new(scope: Scope<'a>, uid: &'a str) -> Self {
        let is_due = scope.ctx.memory.must_look(uid, Instant::now());
        Self {
            scope,
            uid,
            release: None,
            wanted: if is_due || !scope.cache.is_filled() {
                Reads::Everything
            } else {
                Reads::Release
            },
        }
    }

    /// Whether a decision on what was seen rests on reads that were made for it.
    pub fn covers(&self, reads: Reads) -> bool {
        let memory = &self.scope.ctx.memory;
        memory.covers(self.uid, reads, Instant::now())
    }

    /// What was read does not hold any more, or is not enough: so much is read anew.
    pub fn again(&mut self, reads: Reads) {
        self.wanted = reads;
    }

    /// The release is another one than this pass knows.
    pub fn forget_release(&mut self) {
        self.release = None;
    }

    /// The release as it is after a write of ours.
    pub fn wrote(&mut self, release: ExchangeRelease) {
        if let Some((known, _)) = &mut self.release {
            *known = slim(release);
        }
    }

    /// One observation; `None` when the release is gone.
    pub async fn see(&mut self) -> Result<Option<Observation>, CallError> {
        let memory = &self.scope.ctx.memory;
        if self.wanted > Reads::Release {
            self.read_children().await?;
            self.release = None;
        }
        // The release comes last. Read earlier, it might not know yet that it is being deleted, while its
        // children already are: they would be made again.
        let Some(release) = self.release().await? else {
            return Ok(None);
        };
        let read = std::mem::replace(&mut self.wanted, Reads::Release);
        if read > Reads::Release {
            // Counted from the answers: a slow API server would never do otherwise.
            memory.looked(self.uid, read, Instant::now());
        }
        let mut seen = self.observation(release);
        memory.tidy(&seen, Timestamp::now());
        memory.recall(&mut seen);
        Ok(Some(seen))
    }

    /// The release as this pass last read or wrote it.
    async fn release(&mut self) -> Result<Option<ExchangeRelease>, CallError> {
        let known = self.release.take();
        self.release = match known.filter(|(_, read)| read.elapsed() < FRESH) {
            Some(fresh) => Some(fresh),
            None => {
                let read = self.read_release().await?;
                read.map(|release| (slim(release), Instant::now()))
            }
        };
        Ok(self.release.as_ref().map(|(release, _)| release.clone()))
    }

    async fn read_release(&self) -> Result<Option<ExchangeRelease>, CallError> {
        let metrics = &self.scope.ctx.metrics;
        let api = self.scope.api::<ExchangeRelease>();
        metrics.request("get", "ExchangeRelease");
        let release = bounded(api.get_opt(&self.scope.of.name)).await;
        release.inspect_err(|error| metrics.refused("get", error.reason()))
    }

    async fn read_children(&self) -> Result<(), CallError> {
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
        let read = match self.wanted {
            Reads::Release => Ok(()),
            Reads::Readiness => ready.await.map(drop),
            Reads::Everything => tokio::try_join!(ready, others).map(drop),
        };
        read.inspect_err(|error| self.scope.ctx.metrics.refused("list", error.reason()))
    }

    async fn list<K: Kept>(&self) -> Result<(), CallError> {
        let shelf = K::shelf(self.scope.cache);
        let sent = shelf.moment();
        let api = self.scope.api::<K>();
        let params =
            ListParams::default().labels(&format!("{}={}", names::RELEASE, self.scope.of.name));
        self.scope.ctx.metrics.request("list", &K::kind(&()));
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
        }
    }
}

/// Nobody asks who wrote what, and each step copies it.
fn slim(mut release: ExchangeRelease) -> ExchangeRelease {
    release.managed_fields_mut().clear();
    release
}
