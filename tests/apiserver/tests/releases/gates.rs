//! While a release waits for its gates.

use std::time::Duration;

use anyhow::{Context, Result};
use changeover_apiserver_tests::{Method, NAME, baking, exchange, message, phase_is, until};
use changeover_crds::{Colour, ExchangeRelease, Phase, ResourceExt, names};
use k8s_openapi::api::apps::v1::ControllerRevision;
use serde_json::{Value, json};

use crate::{
    assert_second_release, assert_served_by, status, uids, with_a_proxy, with_first_release,
};

const LIMIT: Duration = Duration::from_secs(20);
/// After so long without a read, everything is listed anew.
const LOOK: Duration = Duration::from_secs(60);

/// The same version, for which a person has to decide.
fn manual(version: &str) -> Value {
    let mut release = exchange(version);
    if let Some(Value::Object(spec)) = release.get_mut("spec") {
        spec.insert("promotion".to_owned(), json!({"mode": "Manual"}));
    }
    release
}

#[tokio::test]
async fn a_rollback_overtakes_the_gates_of_a_revert() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    sandbox.apply(&exchange("2.0.0")).await?;
    assert_second_release(&sandbox).await?;
    let before = uids(&sandbox, Colour::Blue).await?;
    sandbox.apply(&manual("1.0.0")).await?;
    sandbox
        .await_phase(Phase::AwaitingApproval, Some("2.0.0"))
        .await?;
    sandbox.annotate(names::ROLLBACK, "1").await?;
    let release = sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    assert!(
        status(&release)?.rejected.is_none(),
        "the spec names what is live"
    );
    assert_served_by(&sandbox, Colour::Blue).await?;
    assert_eq!(uids(&sandbox, Colour::Blue).await?, before);
    sandbox.finish().await
}

/// The API server takes no change of what a ControllerRevision holds.
#[tokio::test]
async fn what_a_candidate_is_verified_with_is_stored() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    sandbox.apply(&manual("2.0.0")).await?;
    let release = sandbox
        .await_phase(Phase::AwaitingApproval, Some("1.0.0"))
        .await?;
    let candidate = status(&release)?.candidate.clone().context("none")?;
    let stored = names::stored_revision(NAME, &candidate.revision);
    let before = uids(&sandbox, Colour::Green).await?;
    let mut watched = manual("2.0.0");
    watched["spec"]["verification"]["bake"] = json!("30s");
    sandbox.apply(&watched).await?;
    let is_stored = |revision: &ControllerRevision| {
        let plan = revision.annotations().get(names::PLAN);
        let plan: Option<Value> = plan.and_then(|plan| serde_json::from_str(plan).ok());
        plan.is_some_and(|plan| plan.pointer("/verification/bake") == Some(&json!("30s")))
    };
    sandbox
        .await_object(&stored, "the bake that was changed", is_stored)
        .await?;
    let after = uids(&sandbox, Colour::Green).await?;
    assert_eq!(after, before, "no Deployment was made anew");
    sandbox
        .annotate(names::PROMOTE, &candidate.revision)
        .await?;
    sandbox.await_phase(Phase::Baking, Some("2.0.0")).await?;
    assert_served_by(&sandbox, Colour::Green).await?;
    sandbox.finish().await
}

/// A Role lost the right to one kind. What a person orders rests on no list of it.
#[tokio::test]
async fn an_abort_is_obeyed_while_not_everything_can_be_listed() -> Result<()> {
    let (sandbox, proxy, _operator) = with_a_proxy().await?;
    sandbox.apply(&baking("2.0.0")).await?;
    sandbox.await_phase(Phase::Baking, Some("2.0.0")).await?;
    proxy.forbid(Method::GET, "/poddisruptionbudgets");
    until(LOOK * 2, async || {
        let none = proxy.spoiled() == 0;
        Ok(none.then(|| format!("nothing was listed: {proxy:?}")))
    })
    .await?;
    sandbox.annotate(names::ABORT, "1").await?;
    sandbox
        .await_phase(Phase::RolledBack, Some("1.0.0"))
        .await?;
    assert_served_by(&sandbox, Colour::Blue).await?;
    sandbox.finish().await
}

/// As by an admission policy that what is live does not meet, and the version that is released does.
#[tokio::test]
async fn a_release_goes_on_while_no_change_of_what_is_live_is_taken() -> Result<()> {
    let (sandbox, proxy, _operator) = with_a_proxy().await?;
    proxy.forbid(Method::PATCH, "-blue");
    sandbox.apply(&exchange("2.0.0")).await?;
    sandbox
        .await_release("Warm, with what is refused", |release| {
            phase_is(release, Phase::Warm) && message(release).starts_with("Refused: ")
        })
        .await?;
    assert_served_by(&sandbox, Colour::Green).await?;
    // The Deployments of both services are tried again, and again.
    let tried_again = async || {
        let tries = proxy.spoiled() + 2;
        let few = || proxy.spoiled() < tries;
        let what = || format!("what was refused is not tried again: {proxy:?}");
        until(LIMIT, async || Ok(few().then(what))).await
    };
    tried_again().await?;
    let told = sandbox.release().await?;
    tried_again().await?;
    tried_again().await?;
    let now = sandbox.release().await?;
    assert_eq!(now.resource_version(), told.resource_version());
    proxy.pass_all();
    let is_over = |release: &ExchangeRelease| !message(release).contains("Refused");
    sandbox.await_release("no word of it", is_over).await?;
    sandbox.finish().await
}
