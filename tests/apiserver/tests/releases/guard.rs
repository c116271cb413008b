//! What looks at the live Services while others are tested says what is wrong with them.

use anyhow::Result;
use changeover_apiserver_tests::{NAME, exchange, phase_is};
use changeover_crds::{Phase, names};
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::with_first_release;

#[tokio::test]
async fn a_service_that_is_led_astray_is_seen() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    let guard = sandbox.guard();
    guard.catch_up().await?;
    sandbox.kubelet.let_ready(false);
    sandbox.apply(&exchange("2.0.0")).await?;
    sandbox
        .await_release("Preparing", |release| phase_is(release, Phase::Preparing))
        .await?;
    // Nobody sets right what follows.
    operator.suspend()?;
    let services = sandbox.api::<Service>();
    for (service, change) in [
        (
            "user",
            json!({
                "metadata": {"annotations": {names::EPOCH: "0"}},
                "spec": {"selector": {names::COLOUR: "green"}},
            }),
        ),
        (
            "trade",
            json!({"spec": {"selector": {names::REVISION: null}}}),
        ),
    ] {
        let live = names::live_service(NAME, service);
        let change = Patch::Merge(change);
        services
            .patch(&live, &PatchParams::default(), &change)
            .await?;
    }
    let judged = guard.end().await?;
    for words in [
        "I1 routable: exchange-trade selects",
        "I1 routable: exchange-user leads to 0 ready pods on green",
        "I2 together",
        "I5 fence: exchange-user fell",
    ] {
        let mut those = judged.violations.iter();
        assert!(those.any(|v| v.contains(words)), "{words}: {judged:#?}");
    }
    assert!(judged.assert_good().is_err());
    operator.kill()?;
    sandbox.finish().await
}
