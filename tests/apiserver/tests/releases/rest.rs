//! A settled release is still, a deleted one stays deleted, and nobody else's objects are touched.

use std::time::Duration;

use anyhow::{Context, Result};
use changeover_apiserver_tests::{Children, NAME, Operator, Sandbox, exchange, message, placed};
use changeover_crds::{Colour, ExchangeRelease, Phase, names};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service, ServiceAccount};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::{assert_second_release, assert_served_by, with_first_release};

const RECONCILES: &str = "changeover_reconcile_seconds_count";
const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn once_settled_nothing_is_written() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    place(&sandbox).await?;
    sandbox.apply(&placed("2.0.0")).await?;
    assert_second_release(&sandbox).await?;
    assert_placed(&sandbox).await?;
    let before = sandbox.await_still(&Colour::ALL).await?;
    let status = sandbox.release().await?.status;
    let written = writes(&operator)?;
    for token in ["a", "b", "c"] {
        let touched = touch(&sandbox, &operator, token).await?;
        let now = sandbox.release().await?;
        assert_eq!(
            now.resource_version(),
            touched.resource_version(),
            "the release was written"
        );
        assert_eq!(now.status, status);
    }
    assert_eq!(Children::of(&sandbox).await?, before);
    assert_eq!(
        writes(&operator)?,
        written,
        "requests that change nothing are requests, too"
    );
    sandbox.finish().await
}

/// What the pods of [`placed`] refer to.
async fn place(sandbox: &Sandbox) -> Result<()> {
    let named = json!({"metadata": {"name": NAME}});
    let account: ServiceAccount = serde_json::from_value(named.clone())?;
    sandbox
        .api()
        .create(&PostParams::default(), &account)
        .await?;
    let class = Patch::Apply(json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 7,
        "metadata": {"name": NAME},
    }));
    let classes = Api::<PriorityClass>::all(sandbox.client.clone());
    classes
        .patch(NAME, &PatchParams::apply("test"), &class)
        .await?;
    Ok(())
}

async fn assert_placed(sandbox: &Sandbox) -> Result<()> {
    let of = ListParams::default().labels("team=core,changeover.dev/colour=green");
    let pods = sandbox.api::<Pod>().list(&of).await?.items;
    assert_eq!(pods.len(), 2);
    for pod in pods {
        let pod = serde_json::to_value(pod)?;
        for (place, wanted) in [
            ("/metadata/annotations/prometheus.io~1scrape", "true"),
            (
                "/spec/nodeSelector/node.kubernetes.io~1instance-type",
                "large",
            ),
            ("/spec/tolerations/1/key", "spot"),
            ("/spec/containers/0/volumeMounts/0/mountPath", "/tmp"),
            ("/spec/containers/0/volumeMounts/3/mountPath", "/scratch"),
            ("/spec/volumes/1/configMap/name", "ca"),
            ("/spec/volumes/2/secret/secretName", "key"),
            ("/spec/imagePullSecrets/0/name", "registry"),
            ("/spec/priorityClassName", NAME),
            ("/spec/serviceAccountName", NAME),
        ] {
            let found = pod.pointer(place).and_then(Value::as_str);
            assert_eq!(found, Some(wanted), "{place}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_new_leader_counts_the_releases_that_rest() -> Result<()> {
    let (sandbox, mut first) = with_first_release().await?;
    first.terminate().await?;
    let second = sandbox.operator("two")?;
    second.await_leading().await?;
    second
        .await_metric("changeover_releases{phase=\"Live\"}", LIMIT, |count| {
            count > 0.0
        })
        .await?;
    sandbox.finish().await
}

/// Changes the release in a way that means nothing, and waits until the operator has looked at it.
pub(crate) async fn touch(
    sandbox: &Sandbox,
    operator: &Operator,
    token: &str,
) -> Result<ExchangeRelease> {
    let looked = operator.metric(RECONCILES, &[])?;
    let annotation =
        Patch::Merge(json!({"metadata": {"annotations": {"example.org/touched": token}}}));
    let touched = sandbox
        .api::<ExchangeRelease>()
        .patch(NAME, &PatchParams::default(), &annotation)
        .await?;
    operator
        .await_metric(RECONCILES, LIMIT, |count| count > looked)
        .await?;
    Ok(touched)
}

/// Requests so far that were meant to change something.
fn writes(operator: &Operator) -> Result<f64> {
    let verbs = [
        "create", "apply", "stamp", "reclaim", "flip", "delete", "status",
    ];
    verbs
        .iter()
        .map(|verb| operator.metric("changeover_api_requests_total", &[&format!("\"{verb}\"")]))
        .sum()
}

#[tokio::test]
async fn a_deleted_release_goes_with_its_children_and_nothing_is_made_again() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    let created = operator.metric("changeover_api_requests_total", &["create"])?;
    // In the foreground the release stays until its children are gone: time to make them again by mistake.
    sandbox
        .api::<ExchangeRelease>()
        .delete(NAME, &DeleteParams::foreground())
        .await?;
    sandbox.await_gone::<ExchangeRelease>(NAME).await?;
    sandbox
        .await_children("none", |children| children.0.is_empty())
        .await?;
    assert_eq!(
        operator.metric("changeover_api_requests_total", &["create"])?,
        created
    );

    sandbox.apply(&exchange("2.0.0")).await?;
    sandbox.await_phase(Phase::Live, Some("2.0.0")).await?;
    assert_served_by(&sandbox, Colour::Blue).await?;
    sandbox.finish().await
}

/// Its controller deletes pods first and the rest when they are gone: here, when a last pod is let go.
#[tokio::test]
async fn in_a_namespace_that_is_being_deleted_nothing_is_made_again() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    let last: Pod = serde_json::from_value(json!({
        "metadata": {"name": "last", "finalizers": ["example.org/last"]},
        "spec": {"containers": [{"name": "last", "image": "localhost/last"}]},
    }))?;
    sandbox.api().create(&PostParams::default(), &last).await?;
    sandbox.delete().await?;
    let name = names::coloured(NAME, "user", Colour::Blue);
    let deployments: Api<Deployment> = sandbox.api();
    deployments
        .delete(&name, &DeleteParams::background())
        .await?;
    operator.await_saying("being terminated").await?;
    for token in ["a", "b", "c"] {
        touch(&sandbox, &operator, token).await?;
    }
    assert_eq!(
        operator.count_saying(&["\"create\"", "being terminated"])?,
        1
    );

    let let_go = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let pods: Api<Pod> = sandbox.api();
    pods.patch("last", &PatchParams::default(), &let_go).await?;
    sandbox.end().await
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_and_its_owner_is_left_alone() -> Result<()> {
    let sandbox = Sandbox::new().await?;
    let name = names::coloured(NAME, "user", Colour::Blue);
    let foreign = serde_json::from_value(json!({
        "metadata": {"name": name}, "spec": {"ports": [{"port": 1}], "selector": {"app": "other"}},
    }))?;
    let services: Api<Service> = sandbox.api();
    let before = services.create(&PostParams::default(), &foreign).await?;
    let _operator = sandbox.operator("one")?;
    sandbox.apply(&exchange("1.0.0")).await?;
    let release = sandbox
        .await_release("a word about the taken name", |release| {
            message(release).contains(&name)
        })
        .await?;
    let said = message(&release);
    assert!(said.contains("NameTaken"), "{said}");
    let after = services.get(&name).await?;
    assert_eq!(after.resource_version(), before.resource_version());

    // Without the other one, the release goes on by itself.
    services.delete(&name, &DeleteParams::default()).await?;
    sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    sandbox.finish().await
}

#[tokio::test]
async fn a_taken_name_of_a_live_service_leaves_its_owner_alone() -> Result<()> {
    let sandbox = Sandbox::new().await?;
    let name = names::live_service(NAME, "trade");
    let foreign = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {names::RELEASE: NAME}},
        "spec": {"ports": [{"port": 1}], "selector": {"app": "other"}},
    }))?;
    let services: Api<Service> = sandbox.api();
    let before = services.create(&PostParams::default(), &foreign).await?;
    let _operator = sandbox.operator("one")?;
    let mut release = exchange("1.0.0");
    release["spec"]["switchDeadline"] = json!("3s");
    sandbox.apply(&release).await?;
    let release = sandbox.await_phase(Phase::Rejected, None).await?;
    let rejected = release
        .status
        .and_then(|status| status.rejected)
        .context("nothing rejected")?;
    assert!(rejected.message.contains(&name), "{}", rejected.message);
    let after = services.get(&name).await?;
    assert_eq!(
        (after.resource_version(), after.spec),
        (before.resource_version(), before.spec)
    );
    sandbox.finish().await
}
