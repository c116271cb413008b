//! The API server goes away in the middle of a release. No other test runs meanwhile: they share it.

use std::time::Duration;

use anyhow::Result;
use changeover_apiserver_tests::{
    Hold, NAME, Operator, SERVICES, Sandbox, cluster, exchange, message, patient, phase_is, until,
};
use changeover_crds::{Colour, Phase, names};
use tokio::sync::Mutex;

/// One outage at a time.
static ALONE: Mutex<()> = Mutex::const_new(());
/// For the end of the release.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_release_goes_on_after_the_api_server_was_away() -> Result<()> {
    let _alone = ALONE.lock().await;
    let sandbox = Sandbox::new().await?;
    let mut operator = sandbox.operator("one")?;
    sandbox.apply(&exchange("1.0.0")).await?;
    sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    sandbox.kubelet.let_answer(false);
    sandbox.apply(&exchange("2.0.0")).await?;
    sandbox
        .await_release("Verifying", |release| phase_is(release, Phase::Verifying))
        .await?;

    cluster()?.stop_api_server()?;
    // It sees that nobody answers, whatever it does about it.
    operator
        .await_saying("the lease was not renewed yet")
        .await?;
    // One that is started meanwhile waits: the kubelet has no reason to start it again and again.
    let mut standby = sandbox.operator("two")?;
    standby
        .await_saying("waits as a standby: the lease cannot be read")
        .await?;
    standby.assert_fit()?;
    assert!(!standby.has_ended()?, "it waits for the API server");
    cluster()?.start_api_server()?;
    sandbox.kubelet.let_answer(true);
    await_second_release(&sandbox, &mut operator, || sandbox.operator("one")).await?;
    drop(operator);
    sandbox.finish_after_outage().await
}

#[tokio::test]
async fn a_switch_goes_on_that_the_api_server_left_halfway() -> Result<()> {
    let _alone = ALONE.lock().await;
    let sandbox = Sandbox::new().await?;
    let proxy = sandbox.proxy().await?;
    let mut operator = sandbox.operator_through(&proxy, "one")?;
    sandbox.apply(&exchange("1.0.0")).await?;
    sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    proxy.hold(Hold::Flips);
    sandbox.apply(&patient("2.0.0")).await?;
    proxy.holding(SERVICES.len()).await;
    let first = names::live_service(NAME, SERVICES[0]);
    assert_eq!(proxy.let_one_go(&first).await, Some(200));

    cluster()?.stop_api_server()?;
    assert_eq!(proxy.let_go().await, [200, 0], "the other one meets nobody");
    cluster()?.start_api_server()?;
    let again = || sandbox.operator_through(&proxy, "one");
    await_second_release(&sandbox, &mut operator, again).await?;
    drop(operator);
    sandbox.finish_after_outage().await
}

/// The release ends as if nothing had happened. An operator that could not renew its lease in time ends, and is
/// started again, as by the kubelet.
async fn await_second_release(
    sandbox: &Sandbox,
    operator: &mut Operator,
    again: impl Fn() -> Result<Operator>,
) -> Result<()> {
    until(LIMIT, async || {
        if operator.has_ended()? {
            *operator = again()?;
        }
        let release = sandbox.release().await?;
        Ok((!phase_is(&release, Phase::Warm)).then(|| message(&release).to_owned()))
    })
    .await?;
    sandbox.await_phase(Phase::Warm, Some("2.0.0")).await?;
    for service in SERVICES {
        let [live, pinned] = sandbox.endpoints_of(service, Colour::Green).await?;
        assert_eq!(live, pinned, "{service}");
    }
    Ok(())
}
