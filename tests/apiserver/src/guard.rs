//! Looks at every state of the live Services and at every phase while a test runs: what must hold after each write, read
//! without the engine's help. It judges only what it can be sure of: where something changed while it looked, the next
//! state tells.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use changeover_crds::{Colour, ExchangeRelease, Phase, names};
use futures::{StreamExt, stream::select};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use tokio::task::AbortHandle;

use crate::kubelet::is_ready;
use crate::release::NAME;
use crate::sandbox::{LIMIT, Sandbox};
use crate::state::selected;
use crate::wait::until;

/// Looks at the release and its Services until both stand still, but not more often.
const LOOKS: usize = 5;

/// Watches from now on, until it is asked or dropped.
pub struct Guard {
    watcher: Watcher,
    watching: AbortHandle,
}

/// What a guard saw.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// States of live Services.
    pub states: usize,
    /// How often one was led to another colour, whose pods were counted.
    pub led: usize,
    /// How often no switch was going on, and where all of them led was compared.
    pub together: usize,
    /// What was not as it must be.
    pub violations: Vec<String>,
    /// The last epoch by Service, and where it led.
    last: BTreeMap<String, (i64, Option<Colour>)>,
    /// The last version of each that was judged.
    done: BTreeMap<String, Option<String>>,
}

enum News {
    Service(Box<Service>),
    Release,
}

impl Sandbox {
    /// Begins to look at the live Services.
    #[must_use]
    pub fn guard(&self) -> Guard {
        let watcher = Watcher {
            client: self.client.clone(),
            namespace: self.namespace.clone(),
            seen: Arc::default(),
        };
        Guard {
            watching: tokio::spawn(watcher.clone().watch()).abort_handle(),
            watcher,
        }
    }
}

impl Guard {
    /// Waits until the last state of each Service was judged.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn catch_up(&self) -> Result<()> {
        until(LIMIT, async || {
            for service in self.watcher.live_services().await? {
                let uid = service.uid().unwrap_or_default();
                let done = lock(&self.watcher.seen).done.get(&uid).cloned();
                if done != Some(service.resource_version()) {
                    return Ok(Some(format!("{} was not judged", service.name_any())));
                }
            }
            Ok(None)
        })
        .await
    }

    /// What was judged, once all was. Violations are among it: [`Judged::assert_good`] says so.
    ///
    /// # Errors
    /// When there is no end of it.
    pub async fn end(self) -> Result<Judged> {
        self.catch_up().await?;
        self.watcher.judge_together().await?;
        Ok(lock(&self.watcher.seen).clone())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Judged {
    /// Nothing was wrong, and there was something to see of each kind.
    ///
    /// # Errors
    /// With what was wrong.
    pub fn assert_good(&self) -> Result<()> {
        ensure!(self.violations.is_empty(), "{:#?}", self.violations);
        ensure!(self.states > 0, "no state was seen");
        ensure!(self.led > 0, "no Service was led to another colour");
        ensure!(self.together > 0, "the Services were never compared");
        Ok(())
    }

    /// I1: it selects pods of one colour and revision of its service. I5: its epoch never falls. Whether it leads
    /// elsewhere than before.
    fn judge(&mut self, service: &Service) -> bool {
        self.states += 1;
        let selector = selector_of(service);
        let wanted = [
            names::RELEASE,
            names::SERVICE,
            names::COLOUR,
            names::REVISION,
        ];
        let is_whole = wanted.iter().all(|key| selector.contains_key(*key));
        let name = service.name_any();
        if !is_whole || selector.len() != wanted.len() {
            self.violations
                .push(format!("I1 routable: {name} selects {selector:?}"));
        }
        // One that was made anew begins anew.
        let of = service.uid().unwrap_or_default();
        let (colour, epoch) = selected(service);
        let (last, led_to) = self.last.insert(of, (epoch, colour)).unwrap_or_default();
        if epoch < last {
            self.violations
                .push(format!("I5 fence: {name} fell from {last} to {epoch}"));
        }
        led_to != colour
    }
}

#[derive(Clone)]
struct Watcher {
    client: Client,
    namespace: String,
    seen: Arc<Mutex<Judged>>,
}

impl Watcher {
    async fn watch(self) {
        let live = watcher::Config::default().labels(&live());
        // An error is a watch that is begun again.
        let services = watcher(self.api(), live).default_backoff();
        let services = services
            .touched_objects()
            .filter_map(async |service| service.ok().map(|s| News::Service(Box::new(s))));
        let releases =
            watcher(self.api::<ExchangeRelease>(), watcher::Config::default()).default_backoff();
        let releases = releases
            .touched_objects()
            .filter_map(async |release| release.ok().map(|_| News::Release));
        select(services, releases)
            .for_each(async |news| self.hear(news).await)
            .await;
    }

    /// What cannot be read now is not judged.
    async fn hear(&self, news: News) {
        self.judge_together().await.ok();
        let News::Service(service) = news else {
            return;
        };
        let is_led = lock(&self.seen).judge(&service);
        if is_led && service.metadata.deletion_timestamp.is_none() {
            self.judge_pods(&service).await.ok();
        }
        let uid = service.uid().unwrap_or_default();
        let version = service.resource_version();
        lock(&self.seen).done.insert(uid, version);
    }

    /// I1: no Service is led to a colour of which less than half is ready, while half of the other one is.
    async fn judge_pods(&self, service: &Service) -> kube::Result<()> {
        let (Some(colour), Some(release)) = (selected(service).0, self.release().await?) else {
            return Ok(());
        };
        let selector = selector_of(service);
        let name = selector.get(names::SERVICE).cloned().unwrap_or_default();
        let Some(of) = release.spec.services.iter().find(|s| s.name == name) else {
            return Ok(());
        };
        let wanted = usize::try_from(of.replicas).unwrap_or_default();
        let pods = format!("{}={NAME},{}={name}", names::RELEASE, names::SERVICE);
        let pods = ListParams::default().labels(&pods);
        let pods = self.api::<Pod>().list(&pods).await?;
        // Where it leads by now is judged with what there is by now.
        let now = self.api::<Service>().get_opt(&service.name_any()).await?;
        if now.is_none_or(|now| now.uid() != service.uid() || selector_of(&now) != selector) {
            return Ok(());
        }
        let ready = |holds: &dyn Fn(&Pod) -> bool| {
            let ready = pods.iter().filter(|pod| counts(pod));
            ready.filter(|pod| holds(pod)).count()
        };
        let there = ready(&|pod| selector.iter().all(|(k, v)| pod.labels().get(k) == Some(v)));
        let label = colour.other().as_str();
        let other =
            ready(&|pod| pod.labels().get(names::COLOUR).map(String::as_str) == Some(label));
        let half = wanted.div_ceil(2).max(1);
        let mut seen = lock(&self.seen);
        seen.led += 1;
        if there < half && other >= half {
            seen.violations.push(format!(
                "I1 routable: {} leads to {there} ready pods on {colour}, of {wanted}; {label} has {other}",
                service.name_any()
            ));
        }
        Ok(())
    }

    /// I2: all Services lead to one colour, unless the journal says otherwise. The release is read before and after
    /// them: if it did not change meanwhile, it is what stood when they were read.
    async fn judge_together(&self) -> kube::Result<()> {
        for _ in 0..LOOKS {
            let Some(release) = self.release().await? else {
                return Ok(());
            };
            let phase = release.status.as_ref().and_then(|s| s.phase);
            if matches!(phase, None | Some(Phase::Switching | Phase::RollingBack)) {
                return Ok(());
            }
            let services = self.live_services().await?;
            let after = self.release().await?;
            if after.is_none_or(|after| after.resource_version() != release.resource_version()) {
                continue;
            }
            let mut colours: Vec<_> = services.iter().map(|s| selected(s).0).collect();
            colours.dedup();
            let mut seen = lock(&self.seen);
            seen.together += usize::from(!colours.is_empty());
            if colours.len() > 1 {
                seen.violations
                    .push(format!("I2 together: {colours:?} in phase {phase:?}"));
            }
            return Ok(());
        }
        Ok(())
    }

    async fn live_services(&self) -> kube::Result<Vec<Service>> {
        let live = ListParams::default().labels(&live());
        Ok(self.api().list(&live).await?.items)
    }

    async fn release(&self) -> kube::Result<Option<ExchangeRelease>> {
        self.api().get_opt(NAME).await
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

fn live() -> String {
    let (release, role) = (names::RELEASE, names::ROLE);
    format!("{release}={NAME},{role}={}", names::ROLE_LIVE)
}

fn selector_of(service: &Service) -> BTreeMap<String, String> {
    let selector = service.spec.as_ref().and_then(|s| s.selector.clone());
    selector.unwrap_or_default()
}

/// Of those that stay.
fn counts(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && is_ready(pod)
}

fn lock(seen: &Mutex<Judged>) -> MutexGuard<'_, Judged> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
