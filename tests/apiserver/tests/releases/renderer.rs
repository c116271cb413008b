//! An operator that would render otherwise takes over: nothing restarts, nothing is released, and what is
//! made again is made as it was stored.

use anyhow::{Context, Result};
use changeover_apiserver_tests::{Children, NAME, Operator, Sandbox, baking, exchange, with_tag};
use changeover_crds::{Colour, Phase, names};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::rest::touch;
use crate::{assert_served_by, status, with_first_release};

/// What this operator's own renderer never writes.
const MARK: &str = "RENDERED_BY";
/// What it writes otherwise, in seconds.
const GRACE: i64 = 47;

#[tokio::test]
async fn a_changed_renderer_restarts_no_pod_and_starts_no_release() -> Result<()> {
    let (sandbox, mut operator) = with_first_release().await?;
    operator.terminate().await?;
    render_otherwise(&sandbox).await?;
    let before = sandbox.await_still(&[Colour::Blue]).await?;
    let (pods, release) = (pods(&sandbox).await?, sandbox.release().await?);

    let operator = sandbox.operator("newer")?;
    operator.await_leading().await?;
    touch(&sandbox, &operator, "look").await?;
    assert_eq!(Children::of(&sandbox).await?, before);
    assert_eq!(self::pods(&sandbox).await?, pods);
    assert_eq!(sandbox.release().await?.status, release.status);

    // The spec is no help: it names what was rejected.
    sandbox.apply(&with_tag("2.0.0", "2.0.0-broken")).await?;
    sandbox.await_phase(Phase::Rejected, Some("1.0.0")).await?;
    let name = names::coloured(NAME, "trade", Colour::Blue);
    let deployments = sandbox.api::<Deployment>();
    let old = deployments.get(&name).await?;
    deployments
        .delete(&name, &DeleteParams::background())
        .await?;
    let new = sandbox
        .await_object::<Deployment>(&name, "a new one", |d| d.uid() != old.uid())
        .await?;
    assert!(serde_json::to_string(&new.spec)?.contains(MARK));
    assert_eq!(new.spec, old.spec);
    sandbox.finish().await
}

#[tokio::test]
async fn a_changed_renderer_takes_over_before_a_switch() -> Result<()> {
    let middle = Middle::of(exchange("2.0.0"), Phase::Verifying).await?;
    middle.sandbox.kubelet.let_answer(true);
    middle.ends(Phase::Warm, "2.0.0").await
}

#[tokio::test]
async fn a_changed_renderer_takes_over_a_bake_and_goes_back() -> Result<()> {
    let middle = Middle::of(baking("2.0.0"), Phase::Baking).await?;
    middle.sandbox.annotate(names::ABORT, "1").await?;
    middle.ends(Phase::RolledBack, "1.0.0").await
}

#[tokio::test]
async fn a_changed_renderer_takes_over_a_warm_colour_and_goes_back_to_it() -> Result<()> {
    let middle = Middle::of(exchange("2.0.0"), Phase::Warm).await?;
    middle.sandbox.annotate(names::ROLLBACK, "1").await?;
    middle.ends(Phase::RolledBack, "1.0.0").await
}

/// A release in a phase, all of it rendered otherwise, and the operator that has taken it over.
struct Middle {
    sandbox: Sandbox,
    pods: Vec<Option<String>>,
    _newer: Operator,
}

impl Middle {
    async fn of(release: Value, phase: Phase) -> Result<Self> {
        let (sandbox, mut operator) = with_first_release().await?;
        sandbox.kubelet.let_answer(phase != Phase::Verifying);
        sandbox.apply(&release).await?;
        sandbox.await_phase(phase, None).await?;
        sandbox.await_still(&Colour::ALL).await?;
        operator.terminate().await?;
        render_otherwise(&sandbox).await?;
        sandbox.await_still(&Colour::ALL).await?;
        let pods = pods(&sandbox).await?;
        let newer = sandbox.operator("newer")?;
        newer.await_leading().await?;
        touch(&sandbox, &newer, "look").await?;
        Ok(Self {
            sandbox,
            pods,
            _newer: newer,
        })
    }

    /// With the pods that there were, and without another release.
    async fn ends(self, phase: Phase, live: &str) -> Result<()> {
        let release = self.sandbox.await_phase(phase, Some(live)).await?;
        assert_eq!(pods(&self.sandbox).await?, self.pods);
        let live = status(&release)?.live.as_ref().context("nothing live")?;
        assert_served_by(&self.sandbox, live.colour).await?;
        let told = self.sandbox.told().await?;
        let started = told.iter().filter(|(reason, _)| reason == "ReleaseStarted");
        assert_eq!(started.count(), 2, "{told:?}");
        self.sandbox.finish().await
    }
}

/// As if an operator with another renderer had made all of it.
async fn render_otherwise(sandbox: &Sandbox) -> Result<()> {
    let mark = json!({"name": MARK, "value": "another operator"});
    let revisions = sandbox.api::<ControllerRevision>();
    for stored in revisions.list(&ListParams::default()).await?.items {
        store_otherwise(&revisions, stored, &mark).await?;
    }
    let deployments = sandbox.api::<Deployment>();
    for deployment in deployments.list(&ListParams::default()).await?.items {
        let add = json!([
            {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": mark},
            {"op": "replace", "path": "/spec/template/spec/terminationGracePeriodSeconds", "value": GRACE},
        ]);
        let add = Patch::Json::<Deployment>(serde_json::from_value(add)?);
        deployments
            .patch(&deployment.name_any(), &PatchParams::default(), &add)
            .await?;
    }
    Ok(())
}

/// What a ControllerRevision holds cannot be changed: it is made anew.
async fn store_otherwise(
    revisions: &Api<ControllerRevision>,
    mut stored: ControllerRevision,
    mark: &Value,
) -> Result<()> {
    let data = &mut stored.data.as_mut().context("an empty revision")?.0;
    let services = data.get_mut("services").and_then(Value::as_array_mut);
    for service in services.context("no services")? {
        let place = "/template/spec/containers/0/env";
        let env = service.pointer_mut(place).and_then(Value::as_array_mut);
        env.context("no environment")?.push(mark.clone());
        let grace = service.pointer_mut("/template/spec/terminationGracePeriodSeconds");
        *grace.context("no grace period")? = json!(GRACE);
    }
    let name = stored.name_any();
    revisions.delete(&name, &DeleteParams::default()).await?;
    stored.metadata.resource_version = None;
    stored.metadata.uid = None;
    revisions.create(&PostParams::default(), &stored).await?;
    Ok(())
}

async fn pods(sandbox: &Sandbox) -> Result<Vec<Option<String>>> {
    let pods = sandbox.api::<Pod>().list(&ListParams::default()).await?;
    Ok(pods.items.iter().map(ResourceExt::uid).collect())
}
