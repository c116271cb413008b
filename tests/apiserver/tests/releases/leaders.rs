//! Two operators, one lease: one leads. A leader that hung finds that it leads no longer, and harms nothing.

use std::time::Duration;

use anyhow::{Context, Result};
use changeover_apiserver_tests::{
    Children, Hold, NAME, Operator, Proxy, Requests, SERVICES, Sandbox, Spoil, exchange, patient,
    phase_is, selected, until,
};
use changeover_crds::{Colour, Phase, names};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::json;

use crate::crashes::foreign_endpoint;
use crate::{
    assert_second_release, assert_served_by, status, uids, with_a_proxy, with_first_release,
};

/// A lease lasts 15 s after its holder fell silent.
const TAKEOVER: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_leader_that_hangs_is_replaced_and_harms_nothing_when_it_wakes() -> Result<()> {
    let (sandbox, mut first) = with_first_release().await?;
    first.await_leading().await?;
    let second = sandbox.operator("two")?;
    second
        .await_metric("changeover_leader", TAKEOVER, |leads| leads == 0.0)
        .await?;

    // It is suspended in the middle of its work.
    sandbox.kubelet.let_ready(false);
    sandbox.apply(&exchange("2.0.0")).await?;
    sandbox
        .await_release("Preparing", |release| phase_is(release, Phase::Preparing))
        .await?;
    first.suspend()?;
    sandbox.kubelet.let_ready(true);
    await_takeover(&second).await?;
    assert_second_release(&sandbox).await?;

    let before = sandbox.await_still(&Colour::ALL).await?;
    let status = sandbox.release().await?.status;
    first.resume()?;
    first.await_end().await?;
    assert_eq!(Children::of(&sandbox).await?, before);
    assert_eq!(sandbox.release().await?.status, status);
    assert!(second.metric("changeover_leader", &[])? > 0.0);
    sandbox.finish().await
}

#[tokio::test]
async fn flips_of_a_leader_that_hung_in_its_switch_are_refused() -> Result<()> {
    let (sandbox, proxy, mut first) = with_flips_in_the_air().await?;
    let second = sandbox.operator("two")?;
    await_takeover(&second).await?;
    assert_second_release(&sandbox).await?;
    assert_late_flips_change_nothing(&sandbox, &proxy).await?;
    assert!(second.metric("changeover_leader", &[])? > 0.0);
    first.resume()?;
    first.await_end().await?;
    sandbox.finish().await
}

#[tokio::test]
async fn flips_of_a_leader_that_hung_are_refused_after_an_abort() -> Result<()> {
    let (sandbox, proxy, mut first) = with_flips_in_the_air().await?;
    // Before the second one leads: it would have done the switch.
    sandbox.annotate(names::ABORT, "now").await?;
    let second = sandbox.operator("two")?;
    await_takeover(&second).await?;
    sandbox
        .await_release("an end", |release| {
            phase_is(release, Phase::RolledBack) || phase_is(release, Phase::Rejected)
        })
        .await?;
    assert_served_by(&sandbox, Colour::Blue).await?;
    assert_late_flips_change_nothing(&sandbox, &proxy).await?;
    first.resume()?;
    first.await_end().await?;
    assert_served_by(&sandbox, Colour::Blue).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn a_late_flip_in_the_middle_of_the_next_leaders_switch_changes_nothing() -> Result<()> {
    let sandbox = late_flips_meet(Phase::Switching, Colour::Green).await?;
    assert_second_release(&sandbox).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn a_late_flip_in_the_middle_of_the_next_leaders_way_back_is_set_right() -> Result<()> {
    let sandbox = late_flips_meet(Phase::RollingBack, Colour::Blue).await?;
    let back = sandbox.await_phase(Phase::RolledBack, Some("1.0.0"));
    back.await?;
    assert_served_by(&sandbox, Colour::Blue).await?;
    sandbox.finish().await
}

/// The first leader goes on, and its flips arrive, while the second one's journal is open: of one Service before the
/// second's own flip, of the other after it.
async fn late_flips_meet(phase: Phase, to: Colour) -> Result<Sandbox> {
    let (sandbox, late, mut first) = with_flips_in_the_air().await?;
    let guard = sandbox.guard();
    // No switch is done while it is there.
    let foreign = foreign_endpoint(&sandbox).await?;
    if phase == Phase::RollingBack {
        sandbox.annotate(names::ABORT, "now").await?;
    }
    let proxy = sandbox.proxy().await?;
    proxy.hold(Hold::Flips);
    let second = sandbox.operator_through(&proxy, "two")?;
    await_takeover(&second).await?;
    proxy.holding(SERVICES.len()).await;

    first.resume()?;
    first.await_end().await?;
    let [one, other] = SERVICES.map(|service| names::live_service(NAME, service));
    assert_eq!(late.let_one_go(&one).await, Some(200), "nobody came before");
    let open = sandbox.release().await?;
    assert!(phase_is(&open, phase), "{:?}", open.status);
    proxy.let_go().await;
    let journal = status(&open)?.switch.as_ref();
    let wanted = (Some(to), journal.context("no journal")?.epoch);
    for service in [&one, &other] {
        let is_led = |live: &Service| selected(live) == wanted;
        let what = "the second leader's flip";
        sandbox.await_object(service, what, is_led).await?;
    }
    assert_eq!(late.let_one_go(&other).await, Some(409), "it is too late");
    let open = sandbox.release().await?;
    assert!(phase_is(&open, phase), "{:?}", open.status);

    let slices = sandbox.api::<EndpointSlice>();
    slices.delete(&foreign, &DeleteParams::default()).await?;
    sandbox
        .await_release("an end", |release| {
            phase_is(release, Phase::Warm) || phase_is(release, Phase::RolledBack)
        })
        .await?;
    guard.end().await?.assert_good()?;
    assert!(second.metric("changeover_leader", &[])? > 0.0);
    Ok(sandbox)
}

#[tokio::test]
async fn deletes_of_a_leader_that_hung_are_refused_where_a_retry_needs_what_they_delete()
-> Result<()> {
    let (sandbox, proxy, mut first) = with_a_proxy().await?;
    let mut waiting = exchange("2.0.0");
    waiting["spec"]["promotion"] = json!({"mode": "Manual"});
    waiting["spec"]["keepFailed"] = json!("1s");
    sandbox.apply(&waiting).await?;
    let awaits_approval = |release: &_| phase_is(release, Phase::AwaitingApproval);
    sandbox.await_release("a wait", awaits_approval).await?;

    let stood = uids(&sandbox, Colour::Green).await?;

    // Given up: Deployments and PodDisruptionBudgets are to go.
    proxy.hold(Hold::Deletes);
    sandbox.annotate(names::ABORT, "now").await?;
    proxy.holding(2 * SERVICES.len()).await;
    first.suspend()?;
    sandbox.annotate(names::RETRY, "now").await?;
    let second = sandbox.operator("two")?;
    await_takeover(&second).await?;
    sandbox.await_release("a wait", awaits_approval).await?;

    assert_too_late(&sandbox, &proxy, &Colour::ALL, 2 * SERVICES.len()).await?;
    assert_eq!(uids(&sandbox, Colour::Green).await?, stood, "none is new");
    first.resume()?;
    first.await_end().await?;
    sandbox.finish().await
}

#[tokio::test]
async fn scales_of_a_leader_that_hung_are_refused_where_the_spec_asks_for_more_by_then()
-> Result<()> {
    let (sandbox, proxy, mut first) = with_a_proxy().await?;
    proxy.hold(Hold::Scales);
    let mut fewer = exchange("1.0.0");
    for service in fewer["spec"]["services"].as_array_mut().context("none")? {
        service["replicas"] = json!(1);
    }
    sandbox.apply(&fewer).await?;
    proxy.holding(SERVICES.len()).await;
    first.suspend()?;
    sandbox.apply(&exchange("1.0.0")).await?;
    let second = sandbox.operator("two")?;
    await_takeover(&second).await?;

    let generation = sandbox.release().await?.metadata.generation;
    let generation = generation.context("no generation")?.to_string();
    for service in SERVICES {
        let name = names::coloured(NAME, service, Colour::Blue);
        let is_seen = |d: &Deployment| d.labels().get(names::GENERATION) == Some(&generation);
        let what = "the second leader's apply";
        sandbox.await_object(&name, what, is_seen).await?;
    }
    assert_too_late(&sandbox, &proxy, &[Colour::Blue], SERVICES.len()).await?;
    first.resume()?;
    first.await_end().await?;
    sandbox.finish().await
}

#[tokio::test]
async fn a_renewal_that_is_refused_or_not_answered_is_tried_again() -> Result<()> {
    let (sandbox, proxy, mut leader) = with_a_proxy().await?;
    let refusals = Spoil::REFUSALS.into_iter().chain(Spoil::NOT_NOW);
    let spoils = refusals.chain([Spoil::LoseAnswer]);
    // A renewal reads the lease, and writes it; each second one passes.
    let spoils = spoils.flat_map(|spoil| [(3, spoil), (4, spoil)]);
    for (number, spoil) in spoils {
        proxy.spoil(Requests::Renewals, number, spoil);
        until(TAKEOVER, async || {
            let is_awaited = proxy.spoiled() == 0;
            Ok(is_awaited.then(|| format!("{spoil:?}: {}", leader.said())))
        })
        .await?;
    }
    sandbox.apply(&exchange("2.0.0")).await?;
    assert_second_release(&sandbox).await?;
    assert!(!leader.has_ended()?, "{}", leader.said());
    assert_eq!(leader.count_saying(&["leads"])?, 1, "it led all the time");
    sandbox.finish().await
}

async fn await_takeover(second: &Operator) -> Result<()> {
    second
        .await_metric("changeover_leader", TAKEOVER, |leads| leads > 0.0)
        .await
}

/// A release whose leader is suspended with the flips of all Services sent and not arrived.
async fn with_flips_in_the_air() -> Result<(Sandbox, Proxy, Operator)> {
    let (sandbox, proxy, first) = with_a_proxy().await?;
    proxy.hold(Hold::Flips);
    sandbox.apply(&patient("2.0.0")).await?;
    proxy.holding(SERVICES.len()).await;
    first.suspend()?;
    Ok((sandbox, proxy, first))
}

async fn assert_late_flips_change_nothing(sandbox: &Sandbox, proxy: &Proxy) -> Result<()> {
    assert_too_late(sandbox, proxy, &Colour::ALL, SERVICES.len()).await
}

/// So many requests that waited in the proxy are refused, and change nothing of these colours.
async fn assert_too_late(
    sandbox: &Sandbox,
    proxy: &Proxy,
    colours: &[Colour],
    count: usize,
) -> Result<()> {
    let before = sandbox.await_still(colours).await?;
    let answers = proxy.let_go().await;
    assert_eq!(answers, vec![409; count], "each is a conflict");
    assert_eq!(Children::of(sandbox).await?, before);
    Ok(())
}

#[tokio::test]
async fn an_operator_that_ends_in_order_hands_over_at_once() -> Result<()> {
    let (sandbox, mut first) = with_first_release().await?;
    first.await_leading().await?;
    let second = sandbox.operator("two")?;
    second
        .await_metric("changeover_leader", TAKEOVER, |leads| leads == 0.0)
        .await?;
    first.terminate().await?;
    // Far less than a lease lasts.
    second
        .await_metric("changeover_leader", Duration::from_secs(8), |leads| {
            leads > 0.0
        })
        .await?;
    sandbox.finish().await
}
