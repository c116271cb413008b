//! Reads everything the engine wants to know: the release always from the API server, its children from there
//! or from the cache. The engine says which decisions may rest on the cache.

use std::collections::{BTreeMap, BTreeSet};

use changeover_crds::{ExchangeRelease, names};
use changeover_engine::Observation;
use futures::TryFutureExt;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::client::{CallError, bounded};
use crate::context::Context;

/// A release's children.
#[derive(Debug, Default)]
pub struct Children {
    pub deployments: Vec<Deployment>,
    pub services: Vec<Service>,
    pub config_maps: Vec<ConfigMap>,
    pub budgets: Vec<PodDisruptionBudget>,
    pub revisions: Vec<ControllerRevision>,
    pub pods: Vec<Pod>,
    pub slices: Vec<EndpointSlice>,
}

/// One observation of everything as it is now; `None` when the release is gone.
pub async fn live(
    ctx: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<Observation>, CallError> {
    let children = list_all(ctx, namespace, name).await;
    let children = children.inspect_err(|error| ctx.metrics.refused("list", error.reason()))?;
    let seen = with_release(ctx, namespace, name, children).await?;
    if let Some(seen) = &seen {
        ctx.memory.looked(&seen.release.uid().unwrap_or_default());
    }
    Ok(seen)
}

/// One observation of the children as the watches showed them.
pub async fn cached(
    ctx: &Context,
    namespace: &str,
    name: &str,
    children: Children,
) -> Result<Option<Observation>, CallError> {
    with_release(ctx, namespace, name, children).await
}

async fn list_all(ctx: &Context, namespace: &str, name: &str) -> Result<Children, CallError> {
    let params = ListParams::default().labels(&format!("{}={name}", names::RELEASE));
    let (deployments, services, config_maps, budgets, revisions, pods, slices) = tokio::try_join!(
        list(ctx, namespace, &params),
        list(ctx, namespace, &params),
        list(ctx, namespace, &params),
        list(ctx, namespace, &params),
        list(ctx, namespace, &params),
        list(ctx, namespace, &params),
        list(ctx, namespace, &params),
    )?;
    Ok(Children {
        deployments,
        services,
        config_maps,
        budgets,
        revisions,
        pods,
        slices,
    })
}

/// The release comes last. Read earlier, it might not know yet that it is being deleted, while its children
/// already are: they would be made again.
async fn with_release(
    ctx: &Context,
    namespace: &str,
    name: &str,
    children: Children,
) -> Result<Option<Observation>, CallError> {
    let releases: Api<ExchangeRelease> = Api::namespaced(ctx.client.clone(), namespace);
    ctx.metrics.request("get", "ExchangeRelease");
    let release = bounded(releases.get_opt(name)).await;
    let release = release.inspect_err(|error| ctx.metrics.refused("get", error.reason()))?;
    let Some(release) = release else {
        return Ok(None);
    };
    let mut seen = Observation {
        release,
        deployments: children.deployments,
        services: children.services,
        config_maps: children.config_maps,
        budgets: children.budgets,
        revisions: children.revisions,
        pods: children.pods,
        slices: children.slices,
        answers: BTreeMap::new(),
        asking: BTreeSet::new(),
        approvers_verified: ctx.approvers_verified,
        flips: BTreeMap::new(),
        failures: Vec::new(),
    };
    ctx.memory.tidy(&seen, Timestamp::now());
    ctx.memory.recall(&mut seen);
    Ok(Some(seen))
}

async fn list<K>(ctx: &Context, namespace: &str, params: &ListParams) -> Result<Vec<K>, CallError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(ctx.client.clone(), namespace);
    ctx.metrics.request("list", &K::kind(&()));
    bounded(api.list(params)).map_ok(|list| list.items).await
}
