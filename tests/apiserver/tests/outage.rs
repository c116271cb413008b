//! The API server goes away in the middle of a release. No other test runs meanwhile: they share it.

use anyhow::Result;
use changeover_apiserver_tests::{NAME, SERVICES, Sandbox, cluster, exchange, phase_is};
use changeover_crds::{Colour, Phase, names};

#[tokio::test]
async fn a_release_goes_on_after_the_api_server_was_away() -> Result<()> {
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
    // One that could not renew its lease in time ends, and the kubelet starts it again.
    if operator.has_ended()? {
        operator = sandbox.operator("one")?;
    }
    sandbox.await_phase(Phase::Warm, Some("2.0.0")).await?;
    for service in SERVICES {
        let live = sandbox
            .endpoints(&names::live_service(NAME, service))
            .await?;
        let pinned = sandbox
            .endpoints(&names::coloured(NAME, service, Colour::Green))
            .await?;
        assert_eq!(live, pinned, "{service}");
    }
    drop(operator);
    sandbox.finish_after_outage().await
}
