//! Two operators, one lease: one leads. A leader that hung finds that it leads no longer, and harms nothing.

use std::time::Duration;

use anyhow::Result;
use changeover_apiserver_tests::{Children, exchange, phase_is};
use changeover_crds::{Colour, Phase};

use crate::{assert_second_release, with_first_release};

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
    second
        .await_metric("changeover_leader", TAKEOVER, |leads| leads > 0.0)
        .await?;
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
