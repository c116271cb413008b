use std::fmt::Debug;

use changeover_crds::ExchangeRelease;
use changeover_e2e::{Settled, Stage};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::common::{lab, with_first_release};

#[tokio::test(flavor = "multi_thread")]
async fn children_that_someone_deletes_or_edits_are_put_back() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "drift").await;
    let before = Settled::of(&stage).await.unwrap();
    let pods = stage.pod_uids("blue").await.unwrap();
    let address = stage.address("exchange-trade").await.unwrap();

    let maps = ListParams::default().labels("changeover.dev/service=user");
    let map = &stage.api::<ConfigMap>().list(&maps).await.unwrap().items[0];
    deleted_comes_back::<ConfigMap>(&stage, &map.name_any()).await;
    deleted_comes_back::<PodDisruptionBudget>(&stage, "exchange-user-blue").await;
    deleted_comes_back::<Service>(&stage, "exchange-notification-blue").await;
    deleted_comes_back::<Service>(&stage, "exchange-trade").await;
    assert_eq!(
        stage.address("exchange-trade").await.unwrap(),
        address,
        "clients know this address"
    );

    let wrong = json!({"spec": {"replicas": 1}});
    edited_is_restored::<Deployment>(&stage, "exchange-trade-blue", wrong).await;
    let wrong = json!({"spec": {"template": {"spec": {"containers": [{"name": "service", "image": "localhost/none:1"}]}}}});
    edited_is_restored::<Deployment>(&stage, "exchange-user-blue", wrong).await;
    let wrong = json!({"spec": {"selector": {"changeover.dev/colour": "green"}}});
    edited_is_restored::<Service>(&stage, "exchange-user", wrong.clone()).await;
    edited_is_restored::<Service>(&stage, "exchange-user-blue", wrong).await;

    let whole = |release: &ExchangeRelease| {
        let live = release.status.as_ref().and_then(|s| s.live.as_ref());
        live.is_some_and(|live| live.services.iter().all(|s| s.ready == s.desired))
    };
    stage
        .until("every pod to be ready again", crate::common::RELEASE, whole)
        .await
        .unwrap();
    assert_eq!(Settled::of(&stage).await.unwrap(), before);
    let after = stage.pod_uids("blue").await.unwrap();
    let kept = pods.iter().filter(|uid| after.contains(uid)).count();
    assert!(
        kept >= 5,
        "only the pod that was scaled away may differ: {pods:?} {after:?}"
    );
}

async fn deleted_comes_back<K>(stage: &Stage<'_>, name: &str)
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
    K::DynamicType: Default,
{
    let api = stage.api::<K>();
    let uid = api.get(name).await.unwrap().uid();
    api.delete(name, &DeleteParams::default()).await.unwrap();
    stage
        .until_object(name, &format!("{name} to come back"), |object: &K| {
            object.uid() != uid
        })
        .await
        .unwrap();
}

/// Restored when it again has the spec that it had before the edit.
async fn edited_is_restored<K>(stage: &Stage<'_>, name: &str, wrong: Value)
where
    K: Resource<Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + serde::Serialize
        + Send
        + 'static,
    K::DynamicType: Default,
{
    let spec = |object: &K| serde_json::to_value(object).unwrap()["spec"].clone();
    let api = stage.api::<K>();
    let right = spec(&api.get(name).await.unwrap());
    let edited = api
        .patch(name, &PatchParams::default(), &Patch::Strategic(wrong))
        .await
        .unwrap();
    assert_ne!(spec(&edited), right, "the edit of {name} changed nothing");
    stage
        .until_object(name, &format!("{name} to be restored"), |object: &K| {
            spec(object) == right
        })
        .await
        .unwrap();
}
