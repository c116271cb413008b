//! The same objects without an operator: what a control plane needs for them, no operator can save.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use changeover_apiserver_tests::Sandbox;
use changeover_crds::names;
use changeover_e2e::say;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{ApiResource, DynamicObject, ListParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// As many as an operator has under way that works on eight releases.
const AT_ONCE: usize = 64;
const LIMIT: Duration = Duration::from_secs(420);

/// The children of one release, to be made again for others.
pub struct Mould {
    release: String,
    children: Vec<(ApiResource, String)>,
}

impl Mould {
    /// Takes the children of a release that is live.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn of(sandbox: &Sandbox, release: &str) -> Result<Self> {
        let mut children = Vec::new();
        take::<ControllerRevision>(sandbox, release, &mut children).await?;
        take::<ConfigMap>(sandbox, release, &mut children).await?;
        take::<PodDisruptionBudget>(sandbox, release, &mut children).await?;
        take::<Service>(sandbox, release, &mut children).await?;
        take::<Deployment>(sandbox, release, &mut children).await?;
        let release = release.to_owned();
        Ok(Self { release, children })
    }

    /// Makes them for so many releases at once; seconds until every pod is available.
    ///
    /// # Errors
    /// If one is refused, or it takes too long.
    pub async fn fill(&self, releases: usize) -> Result<f64> {
        let sandbox = Sandbox::on_kwok().await?;
        let started = Instant::now();
        let children = (1..=releases).flat_map(|number| self.children_of(number));
        let makes = stream::iter(children).map(|(kind, object)| make(&sandbox, kind, object));
        let mut makes = makes.buffer_unordered(AT_ONCE);
        while makes.try_next().await?.is_some() {}
        drop(makes);
        loop {
            let deployments = sandbox.api::<Deployment>();
            let all = deployments.list(&ListParams::default()).await?.items;
            let is_there = |d: &&Deployment| {
                let available = d.status.as_ref().and_then(|s| s.available_replicas);
                available.is_some() && available == d.spec.as_ref().and_then(|s| s.replicas)
            };
            let there = all.iter().filter(is_there).count();
            if there == all.len() {
                break;
            }
            ensure!(
                started.elapsed() < LIMIT,
                "{there} of {} are available",
                all.len()
            );
            say(format!("  {there} of {} are available", all.len()));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let took = started.elapsed().as_secs_f64();
        sandbox.finish().await?;
        Ok(took)
    }

    fn children_of(&self, number: usize) -> impl Iterator<Item = (ApiResource, String)> {
        let name = format!("exchange-{number}");
        let children = self.children.iter();
        children.map(move |(kind, text)| (kind.clone(), text.replace(&self.release, &name)))
    }
}

async fn take<K>(
    sandbox: &Sandbox,
    release: &str,
    children: &mut Vec<(ApiResource, String)>,
) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Serialize,
{
    let of = ListParams::default().labels(&format!("{}={release}", names::RELEASE));
    for object in sandbox.api::<K>().list(&of).await? {
        let mut object = serde_json::to_value(object)?;
        let metadata = object.pointer_mut("/metadata").context("no metadata")?;
        let metadata = metadata.as_object_mut().context("no metadata")?;
        metadata.retain(|key, _| ["name", "labels", "annotations"].contains(&key.as_str()));
        for (of, what) in [
            ("", "status"),
            ("/spec", "clusterIP"),
            ("/spec", "clusterIPs"),
        ] {
            if let Some(Value::Object(of)) = object.pointer_mut(of) {
                of.remove(what);
            }
        }
        children.push((ApiResource::erase::<K>(&()), object.to_string()));
    }
    Ok(())
}

async fn make(sandbox: &Sandbox, kind: ApiResource, object: String) -> Result<()> {
    let client = sandbox.api::<Service>().into_client();
    let api: Api<DynamicObject> = Api::namespaced_with(client, &sandbox.namespace, &kind);
    let object = serde_json::from_str(&object)?;
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}
