//! Holds a release at one point, by an admission webhook that is away: the operator's next write is refused as by one
//! that is replaced, and tried again. A policy that refuses a flip would send the release back.

use anyhow::{Result, bail};
use changeover_cluster::Cluster;
use serde_json::{Value, json};

use crate::stage::{RELEASE, Stage};
use crate::watch::pause;

/// Its name, which the API server says when it cannot be reached.
const WEBHOOK: &str = "hold.tests.changeover.dev";
/// Where nobody listens.
const NOWHERE: &str = "https://127.0.0.1:1";

/// In force until it is dropped.
pub struct Hold<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl<'a> Hold<'a> {
    /// Nobody can point the live Service of `service` elsewhere.
    ///
    /// # Errors
    /// If it does not come into force.
    pub async fn live_service(stage: &Stage<'a>, service: &str) -> Result<Self> {
        let name = format!("{RELEASE}-{service}");
        let rule = json!({
            "apiGroups": [""], "apiVersions": ["v1"], "resources": ["services"], "operations": ["UPDATE"],
        });
        let held = format!(
            "object.metadata.name == '{name}' && object.spec.selector != oldObject.spec.selector"
        );
        let attempt = json!({"spec": {"selector": {"held": "no"}}});
        Self::start(stage, rule, &held, &["service", &name], &attempt).await
    }

    /// The release cannot enter the phase Switching.
    ///
    /// # Errors
    /// If it does not come into force.
    pub async fn before_switching(stage: &Stage<'a>) -> Result<Self> {
        let rule = json!({
            "apiGroups": ["changeover.dev"], "apiVersions": ["v1alpha1"],
            "resources": ["exchangereleases/status"], "operations": ["UPDATE"],
        });
        let held = "has(object.status.phase) && object.status.phase == 'Switching'";
        let attempt = json!({"status": {"phase": "Switching"}});
        let object = ["exr", RELEASE, "--subresource=status"];
        Self::start(stage, rule, held, &object, &attempt).await
    }

    async fn start(
        stage: &Stage<'a>,
        rule: Value,
        held: &str,
        object: &[&str],
        attempt: &Value,
    ) -> Result<Self> {
        let hold = Self {
            cluster: stage.cluster(),
            name: format!("hold-{}", stage.namespace()),
        };
        let here = json!({"matchLabels": {"kubernetes.io/metadata.name": stage.namespace()}});
        let webhook = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": hold.name},
            "webhooks": [{
                "name": WEBHOOK,
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"url": NOWHERE},
                "failurePolicy": "Fail",
                "matchConditions": [{"name": "held", "expression": held}],
                "namespaceSelector": here,
                "rules": [rule],
                "sideEffects": "None",
            }],
        });
        stage.lab().apply(stage.namespace(), &[webhook])?;
        hold.in_force(stage, object, &attempt.to_string()).await?;
        Ok(hold)
    }

    /// The API server takes a moment to learn of a webhook: tried dry until it refuses.
    async fn in_force(&self, stage: &Stage<'a>, object: &[&str], attempt: &str) -> Result<()> {
        let patch = ["--type=merge", "--dry-run=server", "--patch", attempt];
        let arguments = [&["patch"], object, &patch].concat();
        for _ in 0..100 {
            match stage.kubectl(&arguments) {
                Err(refusal) if format!("{refusal:#}").contains(WEBHOOK) => return Ok(()),
                Err(other) => return Err(other),
                Ok(_) => pause().await,
            }
        }
        bail!("the admission webhook {} does nothing", self.name)
    }

    /// Lets the release go on.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let deleted = self
            .cluster
            .on_machine("kubectl")
            .args(["delete", "validatingwebhookconfiguration", &self.name])
            .output();
        if !deleted.is_ok_and(|output| output.status.success()) {
            crate::say(format!(
                "the admission webhook {} is left behind",
                self.name
            ));
        }
    }
}
