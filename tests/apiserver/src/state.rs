//! What a test looks at in the cluster, read without the engine's help.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use changeover_crds::{Colour, ExchangeRelease, Phase, names};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::release::{NAME, SERVICES};
use crate::sandbox::{LIMIT, Sandbox};
use crate::wait::until;

/// Whether a release is in this phase.
#[must_use]
pub fn phase_is(release: &ExchangeRelease, phase: Phase) -> bool {
    release
        .status
        .as_ref()
        .is_some_and(|status| status.phase == Some(phase))
}

/// Reason and message of the condition `Ready`.
#[must_use]
pub fn message(release: &ExchangeRelease) -> String {
    let conditions = release.status.as_ref().map(|status| &status.conditions);
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|c| c.type_ == "Ready");
    ready
        .map(|c| format!("{}: {}", c.reason, c.message))
        .unwrap_or_default()
}

/// Which colour a Service selects, and its epoch.
#[must_use]
pub fn selected(service: &Service) -> (Option<Colour>, i64) {
    let selector = service
        .spec
        .as_ref()
        .and_then(|spec| spec.selector.as_ref());
    let colour = selector.and_then(|s| Colour::from_label(s.get(names::COLOUR)?));
    let epoch = service.annotations().get(names::EPOCH);
    (colour, epoch.and_then(|e| e.parse().ok()).unwrap_or(0))
}

/// All children of the release: kind and name, and the resourceVersion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Children(pub BTreeMap<(&'static str, String), String>);

impl Children {
    /// Reads them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn of(sandbox: &Sandbox) -> Result<Self> {
        let mut all = Self::default();
        all.add::<Deployment>(sandbox.api(), "Deployment").await?;
        all.add::<Service>(sandbox.api(), "Service").await?;
        all.add::<ConfigMap>(sandbox.api(), "ConfigMap").await?;
        all.add::<PodDisruptionBudget>(sandbox.api(), "PodDisruptionBudget")
            .await?;
        all.add::<ControllerRevision>(sandbox.api(), "ControllerRevision")
            .await?;
        Ok(all)
    }

    async fn add<K>(&mut self, api: Api<K>, kind: &'static str) -> Result<()>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        let ours = ListParams::default().labels(&format!("{}={NAME}", names::RELEASE));
        for object in api.list(&ours).await? {
            let version = object.resource_version().unwrap_or_default();
            self.0.insert((kind, object.name_any()), version);
        }
        Ok(())
    }

    /// Names of one kind.
    #[must_use]
    pub fn names(&self, kind: &str) -> BTreeSet<&str> {
        self.0
            .keys()
            .filter(|(k, _)| *k == kind)
            .map(|(_, name)| name.as_str())
            .collect()
    }
}

impl Sandbox {
    /// Waits until the children are as they should be.
    ///
    /// # Errors
    /// When they are not in time; with those that there are.
    pub async fn await_children(
        &self,
        what: &str,
        holds: impl Fn(&Children) -> bool,
    ) -> Result<()> {
        until(LIMIT, async || {
            let children = Children::of(self).await?;
            Ok((!holds(&children)).then(|| format!("not {what}, but {:?}", children.0.keys())))
        })
        .await
    }

    /// Waits until the EndpointSlices of the live Services show the two pods of a colour, those that there are now,
    /// and no others.
    ///
    /// # Errors
    /// When they do not in time.
    pub async fn await_endpoints(&self, colour: Colour) -> Result<()> {
        until(LIMIT, async || {
            for service in SERVICES {
                let [live, pinned] = self.endpoints_of(service, colour).await?;
                let pods = self.pods(service, colour).await?;
                if live != pods || pinned != pods || pods.len() != 2 {
                    return Ok(Some(format!(
                        "{service}: live {live:?}, {colour} {pinned:?}, pods {pods:?}"
                    )));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Names of the pods of a service in a colour, but for those that are being deleted.
    async fn pods(&self, service: &str, colour: Colour) -> Result<BTreeSet<String>> {
        let labels = format!("{}={service},{}={colour}", names::SERVICE, names::COLOUR);
        let pods = self
            .api::<Pod>()
            .list(&ListParams::default().labels(&labels))
            .await?;
        let stay = pods
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none());
        Ok(stay.map(|pod| pod.name_any()).collect())
    }

    /// What people were told about the release so far: reasons and notes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn told(&self) -> Result<Vec<(String, String)>> {
        let events = self.api::<Event>().list(&ListParams::default()).await?;
        let of = |event: &Event| event.regarding.as_ref().and_then(|r| r.name.clone());
        let ours = events.items.into_iter();
        let ours = ours.filter(|event| of(event).as_deref() == Some(NAME));
        Ok(ours.filter_map(|e| Some((e.reason?, e.note?))).collect())
    }

    /// Waits until people were told this about the release, in a note with these words.
    ///
    /// # Errors
    /// When they were not in time; with what they were told.
    pub async fn await_event(&self, reason: &str, words: &str) -> Result<()> {
        until(LIMIT, async || {
            let told = self.told().await?;
            let mut those = told.iter();
            let is_told = those.any(|(of, note)| of == reason && note.contains(words));
            Ok((!is_told).then(|| format!("{reason} {words} is not among the Events {told:?}")))
        })
        .await
    }

    /// Waits until Kubernetes' own controllers have nothing left to write about the children; then these are all.
    ///
    /// # Errors
    /// When there is no end.
    pub async fn await_still(&self, colours: &[Colour]) -> Result<Children> {
        for (service, colour) in SERVICES
            .iter()
            .flat_map(|s| colours.iter().map(move |c| (s, *c)))
        {
            let name = names::coloured(NAME, service, colour);
            self.await_object(&name, "a complete Deployment", is_complete)
                .await?;
            self.await_object(&name, "a counted PodDisruptionBudget", is_counted)
                .await?;
        }
        self.await_release("a drain that is over", is_drained)
            .await?;
        Children::of(self).await
    }

    /// Colour and epoch of every live Service.
    ///
    /// # Errors
    /// When one is missing.
    pub async fn live_services(&self) -> Result<Vec<(Option<Colour>, i64)>> {
        let mut all = Vec::new();
        for service in SERVICES {
            let live = self.api().get(&names::live_service(NAME, service)).await?;
            all.push(selected(&live));
        }
        Ok(all)
    }

    /// The endpoints of a service's live Service, and of its own in a colour.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn endpoints_of(
        &self,
        service: &str,
        colour: Colour,
    ) -> Result<[BTreeSet<String>; 2]> {
        let live = self.endpoints(&names::live_service(NAME, service)).await?;
        let pinned = names::coloured(NAME, service, colour);
        Ok([live, self.endpoints(&pinned).await?])
    }

    /// Names of the pods that the EndpointSlices of a Service show as ready.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn endpoints(&self, service: &str) -> Result<BTreeSet<String>> {
        let slices: Api<EndpointSlice> = self.api();
        let of_service =
            ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
        let endpoints = slices
            .list(&of_service)
            .await?
            .into_iter()
            .flat_map(|slice| slice.endpoints.unwrap_or_default());
        let ready =
            endpoints.filter(|e| e.conditions.as_ref().is_none_or(|c| c.ready != Some(false)));
        Ok(ready.filter_map(|e| e.target_ref?.name).collect())
    }
}

fn is_complete(deployment: &Deployment) -> bool {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
    deployment.status.as_ref().is_some_and(|status| {
        let conditions = status.conditions.iter().flatten();
        let counted = [
            status.replicas,
            status.updated_replicas,
            status.available_replicas,
        ];
        status.observed_generation == deployment.metadata.generation
            && counted.iter().all(|count| *count == wanted)
            // Pods of before are counted out last.
            && status.terminating_replicas.unwrap_or(0) == 0
            && conditions
                .filter_map(|c| c.reason.as_deref())
                .any(|reason| reason == "NewReplicaSetAvailable")
    })
}

fn is_counted(budget: &PodDisruptionBudget) -> bool {
    budget.status.as_ref().is_some_and(|status| {
        status.observed_generation == budget.metadata.generation
            && status.current_healthy == Some(2)
            && status.expected_pods == Some(2)
    })
}

fn is_drained(release: &ExchangeRelease) -> bool {
    let drain = release.status.as_ref().and_then(|s| s.drain.as_ref());
    drain.is_none_or(|drain| drain.ended_at.is_some())
}
