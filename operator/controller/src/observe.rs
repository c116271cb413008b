//! Reads everything the engine wants to know, live from the API server.
//!
//! No cache: a decision never rests on a state older than its own last write. Watches only say when
//! to look. `docs/decisions/0001-live-reads.md` has the reasons and the price.

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
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use crate::client::{CallError, bounded};
use crate::context::Context;

/// One observation; `None` when the release is gone.
pub async fn observe(
    ctx: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<Observation>, CallError> {
    let (client, metrics) = (&ctx.client, &ctx.metrics);
    let releases: Api<ExchangeRelease> = Api::namespaced(client.clone(), namespace);
    let params = ListParams::default().labels(&format!("{}={name}", names::RELEASE));
    metrics.request("get", "ExchangeRelease");
    let reads = async {
        let children = tokio::try_join!(
            list::<Deployment>(client, namespace, &params),
            list::<Service>(client, namespace, &params),
            list::<ConfigMap>(client, namespace, &params),
            list::<PodDisruptionBudget>(client, namespace, &params),
            list::<ControllerRevision>(client, namespace, &params),
            list::<Pod>(client, namespace, &params),
            list::<EndpointSlice>(client, namespace, &params),
        )?;
        // The release comes last. Read earlier, it might not know yet that it is being deleted, while
        // its children already are: they would be made again.
        Ok((children, bounded(releases.get_opt(name)).await?))
    };
    let ((deployments, services, config_maps, budgets, revisions, pods, slices), release) = reads
        .await
        .inspect_err(|error: &CallError| metrics.refused("list", error.reason()))?;
    for kind in [
        "Deployment",
        "Service",
        "ConfigMap",
        "PodDisruptionBudget",
        "ControllerRevision",
        "Pod",
        "EndpointSlice",
    ] {
        metrics.request("list", kind);
    }
    let Some(release) = release else {
        return Ok(None);
    };
    let mut seen = Observation {
        release,
        deployments,
        services,
        config_maps,
        budgets,
        revisions,
        pods,
        slices,
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

async fn list<K>(client: &Client, namespace: &str, params: &ListParams) -> Result<Vec<K>, CallError>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    bounded(api.list(params)).map_ok(|list| list.items).await
}
