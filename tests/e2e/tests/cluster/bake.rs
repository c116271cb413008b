//! What the new colour is watched for once clients use it: what goes back by itself, and what does not.

use changeover_crds::{ExchangeRelease, Phase};
use changeover_e2e::{Load, Stage};
use k8s_openapi::api::core::v1::Pod;
use kube::api::EvictParams;

use crate::common::{
    RELEASE, assert_back, back_without_loss, baking, finish_without_loss, lab, make_unready,
    ready_of, until, watched, with_first_release,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_takes_the_release_back_and_an_eviction_does_not() {
    let (lab, _turn) = lab().await;
    let (stage, before, load) = baking(lab, "eviction").await;

    // As a node drain does.
    evict_a_pod(&stage, "trade").await;
    until_ready(&stage, 1).await;
    until_ready(&stage, 2).await;
    let report = finish_without_loss(&stage, load).await;
    assert!(report.answered_by["2.0.0"] > 0, "{:?}", report.answered_by);

    // Whoever is connected to a process that ends by itself notices.
    let containers = stage.containers("trade", "green").await.unwrap();
    let (pod, id) = &containers[0];
    stage.cluster().end_container(id).unwrap();
    let back = until(&stage, Phase::RolledBack, "1.0.0").await;
    let why = assert_back(&stage, &back, "ContainerRestarted", &before).await;
    assert!(
        why.starts_with(&format!("pod {pod}: exited with code 0")),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_pods_for_ten_seconds_take_the_release_back() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "degraded").await;
    let load = Load::start(&stage).await.unwrap();
    let three = watched("2.0.0").with_service("trade", "replicas", 3.into());
    stage.apply(&three.unwrap()).unwrap();
    until(&stage, Phase::Baking, "2.0.0").await;
    let before = stage.pod_uids("blue").await.unwrap();

    let unready = make_unready(&stage, "trade", 2).await;
    let why = back_without_loss(&stage, load, "LiveDegraded", &before).await;
    let names_a_pod = unready.iter().any(|pod| why.contains(pod));
    assert!(
        why.contains("trade: 1 of 3 pods ready") && names_a_pod,
        "{why}"
    );
}

/// Waits until so many pods of trade are ready, while the release stays where it is.
async fn until_ready(stage: &Stage<'_>, count: i32) {
    let is = |r: &ExchangeRelease| ready_of(r, "trade") == Some(count);
    let what = format!("{count} ready pods of trade");
    let release = stage.until(&what, RELEASE, is).await.unwrap();
    assert_eq!(release.status.unwrap().phase, Some(Phase::Baking));
}

async fn evict_a_pod(stage: &Stage<'_>, service: &str) {
    let containers = stage.containers(service, "green").await.unwrap();
    let pods = stage.api::<Pod>();
    let (name, _) = &containers[0];
    pods.evict(name, &EvictParams::default()).await.unwrap();
}
