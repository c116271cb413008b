//! The way back, whatever state the new colour is in, while clients trade.

use changeover_crds::{Colour, DrainEnd, ExchangeRelease, Phase, names};
use changeover_e2e::Load;
use serde_json::json;

use crate::common::{
    RELEASE, annotate, back_without_loss, baking, lab, make_unready, ready_of, until, version,
    with_first_release,
};

/// Argo Rollouts 1.9.2 stays on the new colour here, and then scales it to zero.
#[tokio::test(flavor = "multi_thread")]
async fn an_abort_while_a_new_pod_is_unready_loses_nothing() {
    let (lab, _turn) = lab().await;
    let (stage, before, load) = baking(lab, "abort").await;

    make_unready(&stage, "trade", 1).await;
    let short = |r: &ExchangeRelease| ready_of(r, "trade") == Some(1);
    let told = stage.until("one new pod of two", RELEASE, short).await;
    let told = told.unwrap().status.unwrap();
    assert_eq!(told.phase, Some(Phase::Baking), "one is none too few");
    // A pause stops forward steps only.
    annotate(&stage, "pause=true");
    annotate(&stage, "abort=one");
    back_without_loss(&stage, load, "Aborted", &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_while_every_new_pod_ends_loses_nothing() {
    let (lab, _turn) = lab().await;
    let (stage, before, load) = baking(lab, "gone").await;

    let green = format!("{}=green", names::COLOUR);
    let delete = ["delete", "pods", "--wait=false", "--selector", &green];
    stage.kubectl(&delete).unwrap();
    annotate(&stage, "abort=one");
    back_without_loss(&stage, load, "Aborted", &before).await;
}

/// There is no hurry to end a drain; but where nobody is left, nobody is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn pods_without_clients_are_measured_quiet() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "quiet").await;
    let spec = version("2.0.0").with("/spec/drain", json!({"quiet": "2s", "deadline": "10m"}));
    stage.release(&spec.unwrap()).await.unwrap();
    let settled = stage.settled("2.0.0").await.unwrap();

    let drain = settled.status.unwrap().drain.unwrap();
    assert_eq!(
        (drain.colour, drain.ended_by),
        (Colour::Blue, Some(DrainEnd::Quiet))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_in_the_middle_of_a_drain_loses_nothing() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "rollback").await;
    let before = stage.pod_uids("blue").await.unwrap();
    let load = Load::start(&stage).await.unwrap();
    let spec = version("2.0.0")
        .with("/spec/drain", json!({"quiet": "30s", "deadline": "60s"}))
        .and_then(|spec| spec.with("/spec/rollbackWindow", json!("60s")));
    stage.apply(&spec.unwrap()).unwrap();
    let warm = until(&stage, Phase::Warm, "2.0.0").await;
    let drain = warm.status.unwrap().drain.unwrap();
    assert_eq!((drain.colour, drain.ended_at), (Colour::Blue, None));

    annotate(&stage, "rollback=one");
    back_without_loss(&stage, load, "RollbackRequested", &before).await;
}
