//! The real server: the requests of the model as the operator's shell sends them.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use changeover_apiserver_tests::test_client;
use changeover_crds::names::MANAGER;
use changeover_kubernetes_model::{Call, Verb};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
    Preconditions,
};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::{Value, json};

/// For a controller to see a change, on a busy machine.
const LIMIT: Duration = Duration::from_secs(45);

pub struct Real {
    client: Client,
    pub namespace: String,
}

impl Real {
    pub async fn new(purpose: &str) -> Result<Self> {
        let client = test_client().await?;
        let namespace = format!("parity-{}-{purpose}", std::process::id());
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}}))?;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces.create(&PostParams::default(), &object).await?;
        Ok(Self { client, namespace })
    }

    /// The object, or nothing; if it has a controller, after that has seen it.
    pub async fn get(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        let has_controller = ["Deployment", "PodDisruptionBudget"].contains(&kind);
        let is_seen = |object: Option<&DynamicObject>| {
            object.is_none_or(|o| {
                o.metadata.generation == o.data["status"]["observedGeneration"].as_i64()
            })
        };
        let api = self.api(kind);
        let object = if has_controller {
            let seen = await_condition(api, name, is_seen);
            tokio::time::timeout(LIMIT, seen)
                .await
                .with_context(|| format!("{kind} is not seen"))??
        } else {
            api.get_opt(name).await?
        };
        Ok(object.map(|o| serde_json::to_value(o).unwrap()))
    }

    /// The status code of a refusal.
    pub async fn send(&self, call: &Call) -> Result<Result<(), u16>> {
        let api = self.api(call.kind);
        let manager = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let posted = PostParams {
            field_manager: manager.field_manager.clone(),
            ..PostParams::default()
        };
        let mut body = call.body.clone();
        body["apiVersion"] = api_version(call.kind).into();
        body["kind"] = call.kind.into();
        body["metadata"]["name"] = call.name.clone().into();
        let pin = |field: &str| body["metadata"][field].as_str().map(str::to_owned);
        let answer = match call.verb {
            Verb::Create => api
                .create(&posted, &serde_json::from_value(body)?)
                .await
                .map(drop),
            Verb::Apply => {
                let manager = manager.force();
                api.patch(&call.name, &manager, &Patch::Apply(body))
                    .await
                    .map(drop)
            }
            Verb::Merge => api
                .patch(&call.name, &manager, &Patch::Merge(body))
                .await
                .map(drop),
            Verb::Delete => {
                let preconditions = Preconditions {
                    uid: pin("uid"),
                    resource_version: pin("resourceVersion"),
                };
                let params = DeleteParams::background().preconditions(preconditions);
                api.delete(&call.name, &params).await.map(drop)
            }
            Verb::Status => {
                let object: DynamicObject = serde_json::from_value(body)?;
                api.replace_status(&call.name, &posted, &object)
                    .await
                    .map(drop)
            }
        };
        told(answer)
    }

    /// A person's change, by merge patch.
    pub async fn edit(&self, kind: &str, name: &str, patch: &Value) -> Result<()> {
        let person = PatchParams {
            field_manager: Some("person".to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(patch);
        self.api(kind).patch(name, &person, &patch).await?;
        Ok(())
    }

    pub async fn delete(&self, kind: &str, name: &str) -> Result<()> {
        let answer = self
            .api(kind)
            .delete(name, &DeleteParams::background())
            .await;
        match told(answer.map(drop))? {
            Ok(()) | Err(404) => Ok(()),
            Err(code) => bail!("deletion of {kind} {name}: {code}"),
        }
    }

    pub async fn finish(self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client);
        let now = DeleteParams::background();
        namespaces
            .delete(&self.namespace, &now)
            .await
            .context("cannot remove it")?;
        Ok(())
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version(kind).rsplit_once('/').unwrap_or(("", "v1"));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }
}

fn told(answer: kube::Result<()>) -> Result<Result<(), u16>> {
    match answer {
        Ok(()) => Ok(Ok(())),
        Err(kube::Error::Api(status)) => Ok(Err(status.code)),
        Err(error) => Err(error.into()),
    }
}

fn api_version(kind: &str) -> &'static str {
    match kind {
        "ConfigMap" | "Service" => "v1",
        "ControllerRevision" | "Deployment" => "apps/v1",
        "PodDisruptionBudget" => "policy/v1",
        _ => "changeover.dev/v1alpha1",
    }
}
