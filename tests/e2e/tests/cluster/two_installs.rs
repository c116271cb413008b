use std::collections::BTreeMap;

use changeover_e2e::{Stage, is_live};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::api::ListParams;

use crate::common::{RELEASE, lab, version, with_first_release};

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_in_one_cluster_look_after_their_own_namespaces_only() {
    let (lab, _turn) = lab().await;
    let first = with_first_release(lab, "first").await;
    let second = with_first_release(lab, "second").await;

    let untouched = versions(&second).await;
    first.release(&version("2.0.0")).await.unwrap();
    assert_eq!(versions(&second).await, untouched);
    second
        .until("1.0.0 in the second namespace", RELEASE, |r| {
            is_live(r, "1.0.0")
        })
        .await
        .unwrap();

    // Neither may reach into the other's namespace, nor needs the other.
    let neighbour = format!("system:serviceaccount:{}:changeover", first.namespace());
    let may = ["auth", "can-i", "patch", "services", "--as", &neighbour];
    assert!(
        second.kubectl(&may).is_err(),
        "the first operator may write in the second namespace"
    );
    assert_eq!(first.kubectl(&may).unwrap().trim(), "yes");
    first
        .kubectl(&["scale", "deployment/changeover", "--replicas=0"])
        .unwrap();
    second.release(&version("2.0.0")).await.unwrap();
}

/// resourceVersions of what the operator of a namespace looks after.
async fn versions(stage: &Stage<'_>) -> BTreeMap<String, Option<String>> {
    let ours = ListParams::default().labels("changeover.dev/release");
    let services = stage.api::<Service>().list(&ours).await.unwrap().items;
    let services = services
        .iter()
        .map(|s| (s.name_any(), s.resource_version()));
    let deployments = stage.api::<Deployment>().list(&ours).await.unwrap().items;
    let deployments = deployments
        .iter()
        .map(|d| (format!("Deployment {}", d.name_any()), d.resource_version()));
    services.chain(deployments).collect()
}
