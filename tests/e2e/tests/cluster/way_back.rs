//! The way back, whatever state the new colour is in, while clients trade.

use changeover_crds::{Colour, ExchangeRelease, ExchangeReleaseStatus, Outcome, Phase};
use changeover_e2e::{Load, Spec, Stage};
use k8s_openapi::api::core::v1::ResourceQuota;
use serde_json::json;

use crate::common::{
    RELEASE, annotate, assert_selected, finish_without_loss, lab, until, version,
    with_first_release,
};

/// Argo Rollouts 1.9.2 stays on the new colour here, and then scales it to zero.
#[tokio::test(flavor = "multi_thread")]
async fn an_abort_while_a_new_pod_is_missing_loses_nothing() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "abort").await;
    let before = stage.pod_uids("blue").await.unwrap();
    let load = Load::start(&stage).await.unwrap();
    stage.apply(&long_bake("2.0.0")).unwrap();
    until(&stage, Phase::Baking, "2.0.0").await;

    lose_a_pod(&stage, "trade").await;
    let short = |r: &ExchangeRelease| ready_of(r, "trade") == Some(1);
    let told = stage.until("one new pod of two", RELEASE, short).await;
    // One pod fewer is no reason to go back by itself: a node drain looks just so.
    assert_eq!(status(&told.unwrap()).phase, Some(Phase::Baking));
    // A pause stops forward steps only.
    annotate(&stage, "pause=true");
    annotate(&stage, "abort=one");
    let back = until(&stage, Phase::RolledBack, "1.0.0").await;
    let report = finish_without_loss(&stage, load).await;

    assert_back(&stage, &back, "Aborted", &before).await;
    assert!(report.answered_by["2.0.0"] > 0, "{:?}", report.answered_by);
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
    let drain = status(&warm).drain.clone().unwrap();
    assert_eq!((drain.colour, drain.ended_at), (Colour::Blue, None));

    annotate(&stage, "rollback=one");
    let back = until(&stage, Phase::RolledBack, "1.0.0").await;
    let report = finish_without_loss(&stage, load).await;

    assert_back(&stage, &back, "RollbackRequested", &before).await;
    assert!(report.answered_by["2.0.0"] > 0, "{:?}", report.answered_by);
}

fn long_bake(name: &str) -> Spec {
    version(name)
        .with("/spec/verification/bake", json!("2m"))
        .unwrap()
}

/// A pod ends in order, and a full quota keeps another one from taking its place.
async fn lose_a_pod(stage: &Stage<'_>, service: &str) {
    let quota = ["create", "quota", "full", "--hard=pods=1"];
    stage.kubectl(&quota).unwrap();
    let counted = |q: &ResourceQuota| q.status.as_ref().is_some_and(|s| s.used.is_some());
    let quota = stage.until_object("full", "the quota to be counted", counted);
    quota.await.unwrap();
    let pods = stage.pods("green").await.unwrap();
    let mut names = pods.into_iter().filter_map(|pod| pod.metadata.name);
    let prefix = format!("exchange-{service}-green-");
    let name = names.find(|name| name.starts_with(&prefix)).unwrap();
    stage
        .kubectl(&["delete", "pod", &name, "--wait=false"])
        .unwrap();
}

fn status(release: &ExchangeRelease) -> &ExchangeReleaseStatus {
    release.status.as_ref().unwrap()
}

/// Ready pods of a service of the live colour.
fn ready_of(release: &ExchangeRelease, service: &str) -> Option<i32> {
    let live = release.status.as_ref()?.live.as_ref()?;
    let service = live.services.iter().find(|s| s.name == service)?;
    Some(service.ready)
}

/// 1.0.0 serves from the pods that it had all the time, and 2.0.0 is rejected for this reason.
async fn assert_back(stage: &Stage<'_>, back: &ExchangeRelease, why: &str, pods: &[String]) {
    let status = status(back);
    let live = status.live.as_ref().unwrap();
    assert_eq!(
        (live.version.as_str(), live.colour),
        ("1.0.0", Colour::Blue)
    );
    let rejected = status.rejected.as_ref().unwrap();
    assert_eq!(
        (rejected.version.as_str(), rejected.reason.as_str()),
        ("2.0.0", why)
    );
    assert_eq!(status.history[0].outcome, Outcome::RolledBack);
    assert_eq!(stage.pod_uids("blue").await.unwrap(), pods);
    assert_selected(stage, back).await;
}
