//! How a release is, and how it ended.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use changeover_crds::{ExchangeRelease, Phase, ServiceStatus, names};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::stage::{RELEASE, Stage};

/// Whether clients use this version, all of it.
#[must_use]
pub fn is_live(release: &ExchangeRelease, version: &str) -> bool {
    release.status.as_ref().is_some_and(|status| {
        let live = status.live.as_ref();
        status.observed_generation == release.metadata.generation
            && matches!(
                status.phase,
                Some(Phase::Live | Phase::Warm | Phase::Baking)
            )
            && live.is_some_and(|live| live.version == version)
            && condition(release, "Ready").is_some_and(|(is, _)| is)
    })
}

/// Whether this version is live, and nothing else is left.
#[must_use]
pub fn is_settled(release: &ExchangeRelease, version: &str) -> bool {
    let phase = release.status.as_ref().and_then(|status| status.phase);
    is_live(release, version) && phase == Some(Phase::Live)
}

/// Whether this version was rejected.
#[must_use]
pub fn is_rejected(release: &ExchangeRelease, version: &str) -> bool {
    release.status.as_ref().is_some_and(|status| {
        let rejected = status.rejected.as_ref();
        status.phase == Some(Phase::Rejected) && rejected.is_some_and(|r| r.version == version)
    })
}

/// What the condition Ready says to people.
#[must_use]
pub fn message(release: &ExchangeRelease) -> String {
    condition(release, "Ready")
        .map(|(_, message)| message)
        .unwrap_or_default()
}

fn condition(release: &ExchangeRelease, kind: &str) -> Option<(bool, String)> {
    let conditions = &release.status.as_ref()?.conditions;
    let condition = conditions.iter().find(|c| c.type_ == kind)?;
    Some((condition.status == "True", condition.message.clone()))
}

/// A release in one line.
pub fn line(release: &ExchangeRelease) -> String {
    let phase = release.status.as_ref().and_then(|status| status.phase);
    phase.map_or_else(
        || "no status yet".to_owned(),
        |phase| format!("{phase:?}: {}", message(release)),
    )
}

/// What a settled exchange consists of, without what differs from run to run (uids, epochs, times).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    colour: String,
    revision: String,
    services: Vec<ServiceStatus>,
    selectors: BTreeMap<String, BTreeMap<String, String>>,
    children: BTreeSet<String>,
}

impl Settled {
    /// The state of a stage now.
    ///
    /// # Errors
    /// If the API server does not answer, or nothing is live.
    pub async fn of(stage: &Stage<'_>) -> Result<Self> {
        let release: ExchangeRelease = stage.api().get(RELEASE).await?;
        let live = release.status.and_then(|status| status.live);
        let live = live.ok_or_else(|| anyhow::anyhow!("nothing is live"))?;
        let services = list::<Service>(stage).await?;
        let mut children: BTreeSet<String> = services.iter().map(named).collect();
        children.extend(list::<Deployment>(stage).await?.iter().map(named));
        children.extend(list::<ConfigMap>(stage).await?.iter().map(named));
        children.extend(list::<PodDisruptionBudget>(stage).await?.iter().map(named));
        children.extend(list::<ControllerRevision>(stage).await?.iter().map(named));
        let selector = |service: Service| {
            let selector = service.spec.clone().and_then(|spec| spec.selector);
            (service.name_any(), selector.unwrap_or_default())
        };
        Ok(Self {
            colour: live.colour.to_string(),
            revision: live.revision,
            services: live.services,
            selectors: services.into_iter().map(selector).collect(),
            children,
        })
    }
}

async fn list<K>(stage: &Stage<'_>) -> Result<Vec<K>>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
    K::DynamicType: Default,
{
    let ours = ListParams::default().labels(names::RELEASE);
    Ok(stage.api::<K>().list(&ours).await?.items)
}

fn named<K: Resource>(object: &K) -> String
where
    K::DynamicType: Default,
{
    let kind = K::kind(&K::DynamicType::default()).into_owned();
    format!("{kind}/{}", object.name_any())
}
