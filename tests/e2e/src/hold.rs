//! Holds a release at one point, by an admission policy that refuses the operator's next write.

use anyhow::{Result, bail};
use changeover_cluster::Cluster;
use serde_json::{Value, json};

use crate::stage::{RELEASE, Stage};
use crate::watch::pause;

/// In force until it is dropped.
pub struct Hold<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl<'a> Hold<'a> {
    /// Nobody can point the live Service of `service` elsewhere.
    ///
    /// # Errors
    /// If the policy does not come into force.
    pub async fn live_service(stage: &Stage<'a>, service: &str) -> Result<Self> {
        let name = format!("{RELEASE}-{service}");
        let rule = json!({
            "apiGroups": [""], "apiVersions": ["v1"], "resources": ["services"], "operations": ["UPDATE"],
            "resourceNames": [name],
        });
        let expression = "object.spec.selector == oldObject.spec.selector";
        let attempt = json!({"spec": {"selector": {"held": "no"}}});
        Self::start(stage, rule, expression, &["service", &name], &attempt).await
    }

    /// The release cannot enter the phase Switching.
    ///
    /// # Errors
    /// If the policy does not come into force.
    pub async fn before_switching(stage: &Stage<'a>) -> Result<Self> {
        let rule = json!({
            "apiGroups": ["changeover.dev"], "apiVersions": ["v1alpha1"],
            "resources": ["exchangereleases/status"], "operations": ["UPDATE"],
        });
        let expression = "!has(object.status.phase) || object.status.phase != 'Switching'";
        let attempt = json!({"status": {"phase": "Switching"}});
        let object = ["exr", RELEASE, "--subresource=status"];
        Self::start(stage, rule, expression, &object, &attempt).await
    }

    async fn start(
        stage: &Stage<'a>,
        rule: Value,
        expression: &str,
        object: &[&str],
        attempt: &Value,
    ) -> Result<Self> {
        let hold = Self {
            cluster: stage.cluster(),
            name: format!("hold-{}", stage.namespace()),
        };
        let here = json!({"matchLabels": {"kubernetes.io/metadata.name": stage.namespace()}});
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": hold.name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"namespaceSelector": here, "resourceRules": [rule]},
                "validations": [{"expression": expression, "message": "held by a test"}],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": hold.name},
            "spec": {"policyName": hold.name, "validationActions": ["Deny"]},
        });
        stage.lab().apply(stage.namespace(), &[policy, binding])?;
        hold.in_force(stage, object, &attempt.to_string()).await?;
        Ok(hold)
    }

    /// The API server takes a moment to learn of a policy: tried dry until it refuses.
    async fn in_force(&self, stage: &Stage<'a>, object: &[&str], attempt: &str) -> Result<()> {
        let patch = ["--type=merge", "--dry-run=server", "--patch", attempt];
        let arguments = [&["patch"], object, &patch].concat();
        for _ in 0..100 {
            match stage.kubectl(&arguments) {
                Err(refusal) if format!("{refusal:#}").contains("held by a test") => return Ok(()),
                Err(other) => return Err(other),
                Ok(_) => pause().await,
            }
        }
        bail!("the admission policy {} does nothing", self.name)
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
            .args([
                "delete",
                "validatingadmissionpolicybinding,validatingadmissionpolicy",
                &self.name,
            ])
            .output();
        if !deleted.is_ok_and(|output| output.status.success()) {
            crate::say(format!("the admission policy {} is left behind", self.name));
        }
    }
}
