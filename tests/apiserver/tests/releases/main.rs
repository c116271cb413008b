//! Releases against a real API server, by the operator with the rights of the chart.

mod addresses;
mod children;
mod courses;
mod crashes;
mod ends;
mod faults;
mod figures;
mod gates;
mod guard;
mod leaders;
mod plugin;
mod renderer;
mod rest;
mod run;
mod watches;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use changeover_apiserver_tests::{
    Children, NAME, Operator, Proxy, SERVICES, Sandbox, exchange, message,
};
use changeover_crds::{Colour, ExchangeRelease, ExchangeReleaseStatus, Phase, ResourceExt, names};
use k8s_openapi::api::apps::v1::Deployment;

/// A namespace in which 1.0.0 is live on blue, and its operator.
async fn with_first_release() -> Result<(Sandbox, Operator)> {
    let sandbox = Sandbox::new().await?;
    let operator = sandbox.operator("one")?;
    sandbox.apply(&exchange("1.0.0")).await?;
    sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    Ok((sandbox, operator))
}

/// The same, by an operator that reaches the API server through a proxy.
async fn with_a_proxy() -> Result<(Sandbox, Proxy, Operator)> {
    let sandbox = Sandbox::new().await?;
    let proxy = sandbox.proxy().await?;
    let operator = sandbox.operator_through(&proxy, "one")?;
    sandbox.apply(&exchange("1.0.0")).await?;
    sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    Ok((sandbox, proxy, operator))
}

fn status(release: &ExchangeRelease) -> Result<&ExchangeReleaseStatus> {
    release.status.as_ref().context("no status")
}

/// All live Services select this colour, with the journal's epoch, and their EndpointSlices show its pods and no others.
async fn assert_served_by(sandbox: &Sandbox, colour: Colour) -> Result<()> {
    let release = sandbox.release().await?;
    let epoch = status(&release)?
        .switch
        .as_ref()
        .context("no journal")?
        .epoch;
    for service in SERVICES {
        let [live, pinned] = sandbox.endpoints_of(service, colour).await?;
        assert_eq!(live, pinned, "{service}");
        assert_eq!(live.len(), 2, "{service}: {live:?}");
    }
    let services = sandbox.live_services().await?;
    assert!(
        services
            .iter()
            .all(|service| *service == (Some(colour), epoch)),
        "{services:?}, journal {epoch}"
    );
    Ok(())
}

/// 2.0.0 is live on green and 1.0.0 warm on blue, all of both is there, and nothing else.
async fn assert_second_release(sandbox: &Sandbox) -> Result<()> {
    let release = sandbox.await_phase(Phase::Warm, Some("2.0.0")).await?;
    let status = status(&release)?;
    let (live, warm) = (
        status.live.as_ref().context("nothing live")?,
        status.warm.as_ref().context("nothing warm")?,
    );
    assert_eq!(
        (live.colour, warm.colour, warm.version.as_str()),
        (Colour::Green, Colour::Blue, "1.0.0")
    );
    assert!(
        status.candidate.is_none() && status.rejected.is_none(),
        "{}",
        message(&release)
    );
    assert_served_by(sandbox, Colour::Green).await?;
    let children = Children::of(sandbox).await?;
    assert_eq!(children.names("Deployment"), coloured(&Colour::ALL));
    assert_eq!(
        children.names("PodDisruptionBudget"),
        coloured(&Colour::ALL)
    );
    let outcomes: Vec<&str> = status
        .history
        .iter()
        .map(|entry| entry.version.as_str())
        .collect();
    assert_eq!(outcomes, ["2.0.0", "1.0.0"], "each release ended once");
    Ok(())
}

/// The identity of each Deployment of a colour.
async fn uids(sandbox: &Sandbox, colour: Colour) -> Result<Vec<Option<String>>> {
    let mut uids = Vec::new();
    for service in SERVICES {
        let name = names::coloured(NAME, service, colour);
        uids.push(sandbox.api::<Deployment>().get(&name).await?.uid());
    }
    Ok(uids)
}

/// Names of the children of every service in these colours.
fn coloured(colours: &[Colour]) -> BTreeSet<&'static str> {
    let all = SERVICES.iter().flat_map(|service| {
        colours
            .iter()
            .map(move |c| names::coloured(NAME, service, *c))
    });
    all.map(|name| &*name.leak()).collect()
}
