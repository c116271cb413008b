//! The operator, installed as people install it.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use k8s_openapi::api::coordination::v1::Lease;

use crate::checkout::root;
use crate::lab::Lab;
use crate::say::say;
use crate::stage::Stage;

/// Name of the Helm release, and so of the Lease.
const INSTALL: &str = "changeover";
const DEFINITION: &str = "exchangereleases.changeover.dev";

/// One install at a time: each looks who owns the CustomResourceDefinition, and then may take it over.
static INSTALLING: Mutex<()> = Mutex::new(());

impl Stage<'_> {
    /// `helm install` of `charts/changeover`, watching this namespace; returns once its pods are ready.
    ///
    /// # Errors
    /// If Helm reports a failure.
    pub fn install_operator(&self) -> Result<()> {
        let _turn = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        let chart = root().join("charts/changeover").display().to_string();
        adopt_definition(self.lab(), self.namespace())?;
        let arguments = ["install", INSTALL, chart.as_str(), "--namespace"];
        let wait = [self.namespace(), "--wait", "--timeout=90s"];
        self.lab()
            .run("helm", &[&arguments[..], &wait[..]].concat())
            .with_context(|| self.diagnosis())?;
        Ok(())
    }

    /// The pod that leads.
    ///
    /// # Errors
    /// If none does.
    pub async fn leader(&self) -> Result<String> {
        let lease: Lease = self.api().get(INSTALL).await?;
        lease
            .spec
            .and_then(|spec| spec.holder_identity)
            .filter(|holder| !holder.is_empty())
            .context("no operator leads")
    }

    /// Kills the operator pod that leads, as abruptly as an API client can.
    ///
    /// # Errors
    /// If none leads.
    pub async fn kill_leader(&self) -> Result<String> {
        let leader = self.leader().await?;
        let force = ["--grace-period=0", "--force", "--wait=false"];
        self.kubectl(&[&["delete", "pod", &leader], &force[..]].concat())?;
        say(format!("  killed {leader}"));
        Ok(leader)
    }
}

/// The CustomResourceDefinition of an install whose namespace is gone is handed over, as the chart's README says.
fn adopt_definition(lab: &Lab, namespace: &str) -> Result<()> {
    let place = "--output=jsonpath={.metadata.annotations.meta\\.helm\\.sh/release-namespace}";
    let get = ["get", "crd", DEFINITION, "--ignore-not-found", place];
    let owner = lab.run("kubectl", &get)?;
    if owner.is_empty() {
        return Ok(());
    }
    let phase = "--output=jsonpath={.status.phase}";
    let get = ["get", "namespace", &owner, "--ignore-not-found", phase];
    if lab.run("kubectl", &get)? == "Active" {
        return Ok(());
    }
    let name = format!("meta.helm.sh/release-name={INSTALL}");
    let owner = format!("meta.helm.sh/release-namespace={namespace}");
    let annotate = ["annotate", "crd", DEFINITION, "--overwrite", &name, &owner];
    lab.run("kubectl", &annotate).map(drop)
}
