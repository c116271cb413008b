//! A proxy between the operator and the API server spoils one write of a release after the other; the end
//! is the same each time. `APISERVER_FAULTS=all` takes every write, else every fourth.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use changeover_apiserver_tests::{
    Children, Operator, Proxy, Sandbox, Spoil, Watches, exchange, until,
};
use changeover_crds::{Colour, Phase};
use changeover_figures::Figures;

use crate::{assert_served_by, coloured, status};

/// A release writes more often than this: else the sweep has missed it.
const LEAST_WRITES: usize = 20;
/// For watches to be begun again.
const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_crash_before_any_write_changes_nothing() -> Result<()> {
    sweep("a crash before a write", &[Spoil::CrashBefore]).await
}

#[tokio::test]
async fn a_crash_after_any_write_changes_nothing() -> Result<()> {
    sweep("a crash after a write", &[Spoil::CrashAfter]).await
}

#[tokio::test]
async fn a_lost_answer_to_any_write_changes_nothing() -> Result<()> {
    sweep("a lost answer", &[Spoil::LoseAnswer]).await
}

#[tokio::test]
async fn a_refusal_of_any_write_changes_nothing() -> Result<()> {
    sweep("a refusal", &[409, 429, 500, 503].map(Spoil::Refuse)).await
}

#[tokio::test]
async fn watches_that_end_or_are_gone_are_begun_again() -> Result<()> {
    for how in [Watches::End, Watches::Gone, Watches::GoneEvent] {
        let sandbox = Sandbox::new().await?;
        let proxy = sandbox.proxy().await?;
        proxy.spoil_watches(how);
        let _operator = sandbox.operator_through(&proxy, "one")?;
        sandbox.apply(&exchange("1.0.0")).await?;
        sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
        sandbox.apply(&exchange("2.0.0")).await?;
        assert_released(&sandbox, "2.0.0", "1.0.0").await?;
        // Releases and seven kinds of children are watched. Some watches are spoiled twice, after a pause.
        until(LIMIT, async || {
            let few = proxy.spoiled() < 7;
            Ok(few.then(|| format!("{how:?}: {proxy:?}")))
        })
        .await?;
        sandbox.finish().await?;
    }
    Ok(())
}

/// Each answer takes longer than a pass goes on from what it has read.
#[tokio::test]
async fn a_slow_api_server_is_waited_for() -> Result<()> {
    let sandbox = Sandbox::new().await?;
    let proxy = sandbox.proxy().await?;
    proxy.delay(Duration::from_millis(600));
    let _operator = sandbox.operator_through(&proxy, "one")?;
    sandbox.apply(&exchange("1.0.0")).await?;
    sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    sandbox.finish().await
}

/// Releases again and again; each time a later write is spoiled, until there is none so late.
async fn sweep(name: &'static str, spoils: &[Spoil]) -> Result<()> {
    let mut figures = Figures::of("api-server", name);
    let every = std::env::var("APISERVER_FAULTS").is_ok_and(|faults| faults == "all");
    let sandbox = Sandbox::new().await?;
    let proxy = sandbox.proxy().await?;
    let mut operator = sandbox.operator_through(&proxy, "one")?;
    sandbox.apply(&exchange("1.0.0")).await?;
    sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    let mut before = "1.0.0".to_owned();
    let mut spoiled = 0;
    for (write, spoil) in (1..)
        .step_by(if every { 1 } else { 4 })
        .zip(spoils.iter().cycle())
    {
        let version = format!("2.0.{write}");
        let what = || format!("{spoil:?} at write {write}");
        operator = release(&sandbox, &proxy, operator, &version, write, *spoil)
            .await
            .with_context(what)?;
        assert_released(&sandbox, &version, &before)
            .await
            .with_context(what)?;
        before = version;
        spoiled += proxy.spoiled();
        if proxy.spoiled() == 0 {
            ensure!(write > LEAST_WRITES, "only {write} writes");
            figures.put("writes of a release", write - 1);
            figures.put("writes spoiled", spoiled);
            figures.tell()?;
            return sandbox.finish().await;
        }
    }
    Ok(())
}

/// Starts a release; an operator that is to crash is killed, and its successor is given back.
async fn release(
    sandbox: &Sandbox,
    proxy: &Proxy,
    operator: Operator,
    version: &str,
    write: usize,
    spoil: Spoil,
) -> Result<Operator> {
    proxy.spoil_write(write, spoil);
    sandbox.apply(&exchange(version)).await?;
    tokio::select! {
        () = proxy.crashed() => {
            operator.kill()?;
            proxy.pass_all();
            // With the same name, it need not wait for the lease to run out.
            sandbox.operator_through(proxy, "one")
        }
        done = sandbox.await_phase(Phase::Warm, Some(version)) => done.map(|_| operator),
    }
}

async fn assert_released(sandbox: &Sandbox, version: &str, before: &str) -> Result<()> {
    let release = sandbox.await_phase(Phase::Warm, Some(version)).await?;
    let status = status(&release)?;
    let live = status.live.as_ref().context("nothing live")?;
    let warm = status.warm.as_ref().context("nothing warm")?;
    assert_eq!(
        (live.colour, warm.version.as_str()),
        (warm.colour.other(), before)
    );
    assert!(status.candidate.is_none() && status.rejected.is_none());
    assert_served_by(sandbox, live.colour).await?;
    let told: Vec<&str> = status.history.iter().map(|h| h.version.as_str()).collect();
    assert_eq!(
        told.iter().filter(|v| **v == version).count(),
        1,
        "it ended once: {told:?}"
    );
    let all = coloured(&Colour::ALL);
    let whole = |children: &Children| {
        ["Deployment", "PodDisruptionBudget"]
            .iter()
            .all(|kind| children.names(kind) == all)
            && children.names("ControllerRevision").len() == 2
            && children.names("ConfigMap").len() == 4
    };
    sandbox.await_children("two whole colours", whole).await
}
