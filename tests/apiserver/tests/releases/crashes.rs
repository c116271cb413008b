//! The operator is killed in each phase; its successor ends in the same state as the undisturbed run.

use anyhow::Result;
use changeover_apiserver_tests::{NAME, Sandbox, exchange, phase_is};
use changeover_crds::{Colour, ExchangeRelease, Phase, names};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::{assert_second_release, with_first_release};

#[tokio::test]
async fn killed_while_preparing() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    sandbox.kubelet.let_ready(false);
    sandbox.apply(&exchange("2.0.0")).await?;
    sandbox
        .await_release("Deployments of the candidate", |release| {
            built(release, Phase::Preparing)
        })
        .await?;
    operator.kill()?;
    sandbox.kubelet.let_ready(true);
    let _successor = sandbox.operator("two")?;
    assert_second_release(&sandbox).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn killed_before_it_built_anything() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    let second = exchange("2.0.0");
    let applied = sandbox.apply(&second);
    let started = sandbox.await_release("the start", |release| phase_is(release, Phase::Preparing));
    let (applied, started) = tokio::join!(applied, started);
    operator.kill()?;
    applied?;
    started?;
    let _successor = sandbox.operator("two")?;
    assert_second_release(&sandbox).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn killed_while_verifying() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    sandbox.kubelet.let_answer(false);
    sandbox.apply(&exchange("2.0.0")).await?;
    sandbox
        .await_release("Verifying", |release| phase_is(release, Phase::Verifying))
        .await?;
    operator.kill()?;
    assert!(phase_is(&sandbox.release().await?, Phase::Verifying));
    sandbox.kubelet.let_answer(true);
    let _successor = sandbox.operator("two")?;
    assert_second_release(&sandbox).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn killed_while_switching() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    let foreign = foreign_endpoint(&sandbox).await?;
    sandbox.apply(&exchange("2.0.0")).await?;
    sandbox.await_release("flipped Services", flipped).await?;
    operator.kill()?;
    assert!(phase_is(&sandbox.release().await?, Phase::Switching));
    sandbox
        .api::<EndpointSlice>()
        .delete(&foreign, &DeleteParams::default())
        .await?;
    let _successor = sandbox.operator("two")?;
    assert_second_release(&sandbox).await?;
    sandbox.finish().await
}

fn built(release: &ExchangeRelease, phase: Phase) -> bool {
    let candidate = release
        .status
        .as_ref()
        .and_then(|status| status.candidate.as_ref());
    phase_is(release, phase) && candidate.is_some_and(|c| c.services.len() == 2)
}

fn flipped(release: &ExchangeRelease) -> bool {
    let journal = release
        .status
        .as_ref()
        .and_then(|status| status.switch.as_ref());
    phase_is(release, Phase::Switching)
        && journal.is_some_and(|j| {
            j.to == Colour::Green && !j.services.is_empty() && j.services.iter().all(|s| s.switched)
        })
}

/// One endpoint of a live Service that is in neither colour: no switch is done while it is there.
pub async fn foreign_endpoint(sandbox: &Sandbox) -> Result<String> {
    let service = names::live_service(NAME, "user");
    let name = format!("{service}-foreign");
    let slice = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": service, names::RELEASE: NAME}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["198.19.255.254"], "conditions": {"ready": true}}],
        "ports": [{"name": "http", "port": 8080}],
    }))?;
    let slices: Api<EndpointSlice> = sandbox.api();
    slices.create(&PostParams::default(), &slice).await?;
    Ok(name)
}
