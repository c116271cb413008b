//! A live Service that is deleted comes back where clients expect it, as far as the API server lets it.

use std::time::Duration;

use anyhow::{Context, Result};
use changeover_apiserver_tests::{NAME, Operator, Sandbox, message, until};
use changeover_crds::{Colour, ExchangeRelease, names};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::{assert_served_by, status, with_first_release};

/// How long the operator and the API server may take for one thing.
const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_deleted_live_service_comes_back_with_its_address() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let before = live_service(&sandbox).await?;
    delete(&sandbox, &before.name_any()).await?;
    let after = another(&sandbox, &before).await?;
    assert_eq!(address(&after), address(&before));
    assert_all_is_well(&sandbox).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn an_address_that_is_refused_for_a_moment_is_asked_for_again() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    let before = live_service(&sandbox).await?;
    let (_operator, occupant) = occupy(&sandbox, operator, &before).await?;
    delete(&sandbox, &occupant).await?;
    let after = another(&sandbox, &before).await?;
    assert_eq!(address(&after), address(&before));
    assert_all_is_well(&sandbox).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn an_address_that_stays_taken_is_given_up() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    let before = live_service(&sandbox).await?;
    let (_operator, _occupant) = occupy(&sandbox, operator, &before).await?;
    let after = another(&sandbox, &before).await?;
    assert_ne!(address(&after), address(&before));
    let recorded = |release: &ExchangeRelease| {
        let journal = release.status.as_ref()?.switch.clone()?;
        journal.services.first()?.cluster_ip.clone()
    };
    sandbox
        .await_release("the new address in the journal", |release| {
            recorded(release) == address(&after)
        })
        .await?;
    assert_all_is_well(&sandbox).await?;
    sandbox.finish().await
}

async fn live_service(sandbox: &Sandbox) -> Result<Service> {
    Ok(sandbox
        .api()
        .get(&names::live_service(NAME, "user"))
        .await?)
}

fn address(service: &Service) -> Option<String> {
    service.spec.as_ref()?.cluster_ip.clone()
}

async fn delete(sandbox: &Sandbox, service: &str) -> Result<()> {
    let services = sandbox.api::<Service>();
    services.delete(service, &DeleteParams::default()).await?;
    Ok(())
}

/// The Service that is made in place of a deleted one.
async fn another(sandbox: &Sandbox, deleted: &Service) -> Result<Service> {
    let is_new = |service: &Service| service.uid() != deleted.uid();
    sandbox
        .await_object(&deleted.name_any(), "a new one", is_new)
        .await
}

/// While no operator runs, a live Service is deleted and another Service takes its address. Returns once
/// the next operator was refused that address.
async fn occupy(
    sandbox: &Sandbox,
    mut operator: Operator,
    live: &Service,
) -> Result<(Operator, String)> {
    operator.terminate().await?;
    delete(sandbox, &live.name_any()).await?;
    let occupant = serde_json::from_value(json!({
        "metadata": {"name": "occupant"},
        "spec": {"clusterIP": address(live), "ports": [{"port": 80}]},
    }))?;
    until(LIMIT, async || {
        // As the operator, the test is refused while the API server frees the address.
        match sandbox
            .api()
            .create(&PostParams::default(), &occupant)
            .await
        {
            Ok(Service { .. }) => Ok(None),
            Err(kube::Error::Api(refusal)) if refusal.code == 422 => Ok(Some(refusal.message)),
            Err(error) => Err(error.into()),
        }
    })
    .await?;
    let operator = sandbox.operator("two")?;
    until(LIMIT, async || {
        // At first it does not listen yet.
        let words = ["verb=\"create\""];
        let refused = operator.metric("changeover_api_refusals_total", &words);
        let is_refused = refused.as_ref().is_ok_and(|times| *times > 0.0);
        Ok((!is_refused).then(|| format!("the operator was not refused: {refused:?}")))
    })
    .await?;
    Ok((operator, occupant.name_any()))
}

/// Clients are served, and people are told of nothing.
async fn assert_all_is_well(sandbox: &Sandbox) -> Result<()> {
    sandbox.await_endpoints(Colour::Blue).await?;
    assert_served_by(sandbox, Colour::Blue).await?;
    let release = sandbox.release().await?;
    let conditions = &status(&release)?.conditions;
    let stalled = conditions.iter().find(|c| c.type_ == "Stalled");
    let stalled = stalled.context("no condition Stalled")?;
    assert_eq!(stalled.status, "False", "{}", message(&release));
    Ok(())
}
