//! How releases end: live, warm, rejected.

use anyhow::{Context, Result};
use changeover_apiserver_tests::{
    Children, NAME, SERVICES, Sandbox, exchange, message, phase_is, with_tag,
};
use changeover_crds::{Colour, Phase, names};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use serde_json::json;

use crate::{assert_second_release, assert_served_by, coloured, status, with_first_release};

#[tokio::test]
async fn the_first_release_becomes_live_on_blue() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    assert_served_by(&sandbox, Colour::Blue).await?;

    let release = sandbox.release().await?;
    let status = status(&release)?;
    assert_eq!(status.observed_generation, release.metadata.generation);
    let verdict = status.verdict.as_ref().context("no verdict")?;
    assert_eq!(verdict.pods.len(), 4, "every pod was probed: {verdict:?}");
    let is = |type_: &str| {
        status
            .conditions
            .iter()
            .any(|c| c.type_ == type_ && c.status == "True")
    };
    assert!(
        is("Ready") && is("Verified") && is("Switched"),
        "{:?}",
        status.conditions
    );
    assert!(
        !is("Reconciling") && !is("Stalled"),
        "{:?}",
        status.conditions
    );
    let children = Children::of(&sandbox).await?;
    assert_eq!(children.names("Deployment"), coloured(&[Colour::Blue]));
    assert_eq!(
        operator.metric("changeover_api_refusals_total", &["forbidden"])?,
        0.0
    );
    assert!(operator.metric("changeover_api_requests_total", &["create", "Deployment"])? > 0.0);
    sandbox.finish().await
}

#[tokio::test]
async fn people_are_told_by_events() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    for reason in ["ReleaseStarted", "Verified", "Switched"] {
        sandbox.await_event(reason, "").await?;
    }
    sandbox.finish().await
}

#[tokio::test]
async fn the_next_release_takes_over_and_the_old_one_stays_warm() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    let before = sandbox.live_services().await?;
    sandbox.apply(&exchange("2.0.0")).await?;
    assert_second_release(&sandbox).await?;
    let after = sandbox.live_services().await?;
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| before.1 < after.1),
        "{before:?}, then {after:?}"
    );
    for service in SERVICES {
        let warm = sandbox
            .endpoints(&names::coloured(NAME, service, Colour::Blue))
            .await?;
        assert_eq!(warm.len(), 2, "the warm colour keeps its pods");
    }
    let release = sandbox.release().await?;
    let journal = status(&release)?.switch.clone().context("no journal")?;
    assert!(
        journal.switch_millis.is_some() && journal.skew_millis.is_some(),
        "{journal:?}"
    );
    assert_eq!(
        operator.metric("changeover_api_refusals_total", &["forbidden"])?,
        0.0
    );
    sandbox.finish().await
}

#[tokio::test]
async fn after_the_rollback_window_the_old_colour_is_collected() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let mut second = exchange("2.0.0");
    second["spec"]["rollbackWindow"] = json!("1s");
    sandbox.apply(&second).await?;
    sandbox.await_phase(Phase::Live, Some("2.0.0")).await?;
    for service in SERVICES {
        sandbox
            .await_gone::<Service>(&names::coloured(NAME, service, Colour::Blue))
            .await?;
    }
    sandbox
        .await_children("only green is left", |children| {
            children.names("Deployment") == coloured(&[Colour::Green])
                && children.names("PodDisruptionBudget") == coloured(&[Colour::Green])
                && children.names("ConfigMap").len() == SERVICES.len()
                && children.names("ControllerRevision").len() == 1
        })
        .await?;
    assert_served_by(&sandbox, Colour::Green).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn a_release_that_answers_wrongly_is_rejected_and_no_live_service_is_touched() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let before = live_versions(&sandbox).await?;
    sandbox.apply(&with_tag("3.0.0", "3.0.0-broken")).await?;
    let release = sandbox.await_phase(Phase::Rejected, Some("1.0.0")).await?;
    let rejected = status(&release)?
        .rejected
        .as_ref()
        .context("nothing rejected")?;
    assert_eq!(
        (rejected.version.as_str(), rejected.reason.as_str()),
        ("3.0.0", "SmokeProbeFailed")
    );
    for words in [
        "user: pod exchange-user-green-",
        "GET /version",
        "3.0.0",
        "another",
    ] {
        assert!(
            rejected.message.contains(words),
            "{words} is not in {}",
            rejected.message
        );
    }
    assert_eq!(live_versions(&sandbox).await?, before);
    assert_served_by(&sandbox, Colour::Blue).await?;

    sandbox.apply(&exchange("2.0.0")).await?;
    let release = sandbox.await_phase(Phase::Warm, Some("2.0.0")).await?;
    assert!(
        status(&release)?.rejected.is_none(),
        "a good version follows a rejected one"
    );
    sandbox.finish().await
}

#[tokio::test]
async fn a_release_that_never_becomes_ready_is_rejected_with_the_cause() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let mut never = with_tag("3.0.0", "3.0.0-unready");
    for deadline in ["progressDeadline", "switchDeadline"] {
        never["spec"][deadline] = json!("2s");
    }
    never["spec"]["verification"]["timeout"] = json!("2s");
    sandbox.apply(&never).await?;
    let release = sandbox
        .await_release("a rejection with its cause", |release| {
            phase_is(release, Phase::Rejected) && message(release).contains("rejected")
        })
        .await?;
    let said = message(&release);
    for words in [
        "ProgressDeadlineExceeded",
        "user: 0 of 2 pods ready",
        "1.0.0 stays live",
    ] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    assert_served_by(&sandbox, Colour::Blue).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn a_newer_release_takes_the_place_of_one_that_is_being_prepared() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    sandbox.kubelet.let_ready(false);
    sandbox.apply(&exchange("1.5.0")).await?;
    sandbox
        .await_release("1.5.0 is being prepared", |release| {
            let candidate = release.status.as_ref().and_then(|s| s.candidate.as_ref());
            phase_is(release, Phase::Preparing)
                && candidate.is_some_and(|c| c.version == "1.5.0" && !c.services.is_empty())
        })
        .await?;
    sandbox.kubelet.let_ready(true);
    sandbox.apply(&exchange("2.0.0")).await?;
    let release = sandbox.await_phase(Phase::Warm, Some("2.0.0")).await?;
    let warm = status(&release)?.warm.as_ref().context("nothing warm")?;
    assert_eq!(warm.version, "1.0.0", "no client ever saw 1.5.0");
    assert_served_by(&sandbox, Colour::Green).await?;
    sandbox.finish().await
}

async fn live_versions(sandbox: &Sandbox) -> Result<Vec<Option<String>>> {
    let mut versions = Vec::new();
    for service in SERVICES {
        let live: Service = sandbox
            .api()
            .get(&names::live_service(NAME, service))
            .await?;
        versions.push(live.resource_version());
    }
    Ok(versions)
}
