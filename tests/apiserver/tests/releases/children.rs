//! Children that someone deletes or edits are put right, and clients see nothing of it.

use std::fmt::Debug;

use anyhow::{Context, Result};
use changeover_apiserver_tests::{NAME, Sandbox, selected};
use changeover_crds::{Colour, ExchangeRelease, names};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{assert_served_by, with_first_release};

#[tokio::test]
async fn an_edited_selector_is_put_back() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let name = names::live_service(NAME, "user");
    let before: Service = sandbox.api().get(&name).await?;
    for edit in [
        json!({"spec": {"selector": {names::COLOUR: "green"}}}),
        json!({"spec": {"selector": {"app": "other"}}}),
        json!({"spec": {"selector": null}}),
        json!({"metadata": {"annotations": {names::EPOCH: null}}}),
    ] {
        let edited = sandbox
            .api::<Service>()
            .patch(&name, &PatchParams::default(), &Patch::Merge(&edit))
            .await?;
        sandbox
            .await_object::<Service>(&name, "the selector as it was", |service| {
                let selector = |s: &Service| s.spec.as_ref().and_then(|spec| spec.selector.clone());
                service.resource_version() != edited.resource_version()
                    && selector(service) == selector(&before)
                    && selected(service).1 >= selected(&before).1
            })
            .await
            .with_context(|| edit.to_string())?;
    }
    assert_serves_again(&sandbox).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn who_contests_a_selector_is_named() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let name = names::live_service(NAME, "user");
    let edit = Patch::Merge(json!({"spec": {"selector": {names::COLOUR: "green"}}}));
    let meddler = PatchParams {
        field_manager: Some("meddler".to_owned()),
        ..PatchParams::default()
    };
    for _ in 0..4 {
        let services = sandbox.api::<Service>();
        let edited = services.patch(&name, &meddler, &edit).await?;
        sandbox
            .await_object::<Service>(&name, "the selector as it was", |service| {
                service.resource_version() != edited.resource_version()
                    && selected(service).0 == Some(Colour::Blue)
            })
            .await?;
    }
    let says_so = |release: &ExchangeRelease| {
        let conditions = release.status.iter().flat_map(|s| &s.conditions);
        let mut contested = conditions.filter(|c| c.reason == "SelectorContested");
        contested.any(|c| c.message.contains("meddler"))
    };
    sandbox
        .await_object(NAME, "that meddler is named", says_so)
        .await?;
    sandbox.finish().await
}

#[tokio::test]
async fn a_scaled_deployment_is_scaled_back_and_a_deleted_one_made_again() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let name = names::coloured(NAME, "trade", Colour::Blue);
    let scale = Patch::Merge(json!({"spec": {"replicas": 1}}));
    let scaled = sandbox
        .api::<Deployment>()
        .patch(&name, &PatchParams::default(), &scale)
        .await?;
    let complete = |d: &Deployment| {
        let replicas = d.spec.as_ref().and_then(|spec| spec.replicas);
        let available = d
            .status
            .as_ref()
            .and_then(|status| status.available_replicas);
        replicas == Some(2) && available == Some(2)
    };
    sandbox
        .await_object::<Deployment>(&name, "two pods", |d| {
            d.metadata.generation > scaled.metadata.generation && complete(d)
        })
        .await?;
    sandbox
        .api::<Deployment>()
        .delete(&name, &DeleteParams::background())
        .await?;
    sandbox
        .await_object::<Deployment>(&name, "a new one", |d| {
            d.uid() != scaled.uid() && complete(d)
        })
        .await?;
    assert_serves_again(&sandbox).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn a_deleted_config_map_is_made_again() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let ours = ListParams::default().labels(&format!("{}={NAME}", names::RELEASE));
    let before = sandbox.api::<ConfigMap>().list(&ours).await?.items;
    let first = before.first().context("no ConfigMap")?;
    sandbox
        .api::<ConfigMap>()
        .delete(&first.name_any(), &DeleteParams::default())
        .await?;
    sandbox
        .await_object::<ConfigMap>(&first.name_any(), "a new one", |now| {
            now.uid() != first.uid() && now.data == first.data && now.immutable == Some(true)
        })
        .await?;
    sandbox.finish().await
}

/// The EndpointSlices follow the Services in a moment.
async fn assert_serves_again(sandbox: &Sandbox) -> Result<()> {
    sandbox.await_endpoints(Colour::Blue).await?;
    assert_served_by(sandbox, Colour::Blue).await
}

/// By that label the operator finds its children: without it, it does not see them.
#[tokio::test]
async fn a_child_that_lost_its_label_is_found_again() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let live = names::live_service(NAME, "user");
    reclaimed::<Service>(&sandbox, &live).await?;
    let coloured = names::coloured(NAME, "user", Colour::Blue);
    reclaimed::<Deployment>(&sandbox, &coloured).await?;
    let status = sandbox.release().await?.status.unwrap_or_default();
    let revision = status.live.context("nothing is live")?.revision;
    let stored = names::stored_revision(NAME, &revision);
    reclaimed::<ControllerRevision>(&sandbox, &stored).await?;
    assert_serves_again(&sandbox).await?;
    sandbox.finish().await
}

/// The label of a child is taken away, and comes back on the same object.
async fn reclaimed<K>(sandbox: &Sandbox, name: &str) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + Debug + DeserializeOwned + Send + 'static,
{
    let edit = Patch::Merge(json!({"metadata": {"labels": {names::RELEASE: null}}}));
    let api = sandbox.api::<K>();
    let edited = api.patch(name, &PatchParams::default(), &edit).await?;
    sandbox
        .await_object::<K>(name, "its label again", |object| {
            object.uid() == edited.uid() && object.labels().contains_key(names::RELEASE)
        })
        .await?;
    Ok(())
}
