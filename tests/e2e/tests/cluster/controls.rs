//! Two releases that do harm on purpose: they prove that the traffic client is not blind.

use changeover_crds::Phase;
use changeover_e2e::{Hold, Load, Spec};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus};
use serde_json::json;

use crate::common::{RELEASE, lab, version, with_first_release};

#[tokio::test(flavor = "multi_thread")]
async fn old_pods_killed_at_the_switch_show_as_losses() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "killed").await;
    let load = Load::start(&stage).await.unwrap();
    // Held in the middle, so that the old pods are gone while clients still use them.
    let hold = Hold::live_service(&stage, "trade").await.unwrap();
    stage.apply(&version("2.0.0")).unwrap();
    let switching = |r: &changeover_crds::ExchangeRelease| {
        r.status.as_ref().and_then(|s| s.phase) == Some(Phase::Switching)
    };
    stage.until("the switch", RELEASE, switching).await.unwrap();
    let old = "--selector=changeover.dev/colour=blue";
    let force = [
        "delete",
        "pods",
        old,
        "--grace-period=0",
        "--force",
        "--wait=false",
    ];
    stage.kubectl(&force).unwrap();
    // Others take their place; until these are ready, clients of trade have nobody.
    for count in [0, 2] {
        let what = format!("{count} old pods of trade ready");
        let ready = |d: &Deployment| d.status.as_ref().map_or(0, ready_replicas) == count;
        let trade = stage.until_object("exchange-trade-blue", &what, ready);
        trade.await.unwrap();
    }
    hold.release();
    stage.release(&version("2.0.0")).await.unwrap();
    let report = load.finish().await.unwrap();
    assert!(report.total.lost > 0, "{:?}", report.total);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_leave_their_colour_show_as_mixed_answers() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "mixed").await;
    // It is not ready before the live Service of user is there, so it cannot be the first.
    let leaky = leaky("2.0.0").with("/spec/rollbackWindow", json!("10m"));
    // The other colour stays warm: where user moves to.
    stage.release(&leaky.unwrap()).await.unwrap();
    let load = Load::start(&stage).await.unwrap();
    // User moves without trade, and nobody takes it back.
    let scale = ["scale", "deployment/changeover", "--replicas=0"];
    stage.kubectl(&scale).unwrap();
    let stopped = |d: &Deployment| d.status.as_ref().and_then(|s| s.replicas).unwrap_or(0) == 0;
    let operator = stage.until_object("changeover", "the operator stopped", stopped);
    operator.await.unwrap();
    let selector = "--output=jsonpath={.spec.selector}";
    let other = ["get", "service/exchange-user-blue", selector];
    let selector = stage.kubectl(&other).unwrap();
    let patch = format!("--patch={{\"spec\":{{\"selector\":{selector}}}}}");
    let flip = ["patch", "service/exchange-user", "--type=merge", &patch];
    stage.kubectl(&flip).unwrap();
    // What trade keeps open to user would stay where it is.
    let restart = [
        "delete",
        "pods",
        "--selector=changeover.dev/service=user,changeover.dev/colour=green",
    ];
    stage.kubectl(&restart).unwrap();
    let restarted = |d: &Deployment| d.status.as_ref().map_or(0, ready_replicas) == 2;
    let user = stage.until_object("exchange-user-green", "user restarted", restarted);
    user.await.unwrap();
    let report = load.finish().await.unwrap();
    assert!(report.total.mixed > 0, "{:?}", report.total);
}

fn ready_replicas(status: &DeploymentStatus) -> i32 {
    status.ready_replicas.unwrap_or_default()
}

/// A version whose trade asks the live Service of user instead of its own colour's.
fn leaky(name: &str) -> Spec {
    let arguments = json!(["--user-url", "http://exchange-user:8080"]);
    version(name)
        .with_service("trade", "args", arguments)
        .unwrap()
}
