//! People with rights of their own, and the plugin on their PATH.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use changeover_crds::{ExchangeRelease, names};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Patch, PatchParams, PostParams};
use kube::config::Kubeconfig;
use serde_json::json;
use tokio::process::Command;

use crate::environment::{cluster, kubectl, program};
use crate::operator::rendered_part;
use crate::release::NAME;
use crate::sandbox::{LIMIT, Sandbox};
use crate::wait::until;

/// One who works with the plugin.
#[derive(Debug)]
pub struct Person {
    kubeconfig: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// What it printed.
    pub text: String,
    /// What it complained about.
    pub complaint: String,
}

impl Sandbox {
    /// A person with these rights in the namespace: resource and verbs. Their kubeconfig names the namespace.
    ///
    /// # Errors
    /// When the rights cannot be given.
    pub async fn person(&self, name: &str, rights: &[(&str, &[&str])]) -> Result<Person> {
        let rules: Vec<_> = rights
            .iter()
            .map(|(resource, verbs)| {
                json!({"apiGroups": ["", names::GROUP], "resources": [resource], "verbs": verbs})
            })
            .collect();
        let role: Role =
            serde_json::from_value(json!({"metadata": {"name": name}, "rules": rules}))?;
        let binding: RoleBinding = serde_json::from_value(json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
        }))?;
        let params = PostParams::default();
        self.api().create(&params, &role).await?;
        self.api().create(&params, &binding).await?;
        let mut config = Kubeconfig::read_from(cluster()?.kubeconfig())?;
        for user in config
            .auth_infos
            .iter_mut()
            .filter_map(|u| u.auth_info.as_mut())
        {
            user.impersonate = Some(name.to_owned());
        }
        for context in config
            .contexts
            .iter_mut()
            .filter_map(|c| c.context.as_mut())
        {
            context.namespace = Some(self.namespace.clone());
        }
        let kubeconfig = self.logs.join(format!("kubeconfig-of-{name}"));
        std::fs::write(&kubeconfig, serde_yaml_ng::to_string(&config)?)?;
        Ok(Person { kubeconfig })
    }

    /// One who may do everything.
    ///
    /// # Errors
    /// When there is no cluster.
    pub fn administrator(&self) -> Result<Person> {
        let kubeconfig = cluster()?.kubeconfig().to_owned();
        Ok(Person { kubeconfig })
    }

    /// From now on the chart's admission policy asks who approves a revision, and whether they may.
    ///
    /// # Errors
    /// When it is not in force in time.
    pub async fn check_approvals(&self) -> Result<()> {
        let kubernetes = self.client.apiserver_version().await?.git_version;
        let policy = rendered_part(&self.namespace, &kubernetes, "templates/approval.yaml")?;
        kubectl(cluster()?, &["apply", "--filename=-"], policy.as_bytes())?;
        let unsigned = Patch::Merge(json!({"metadata": {"annotations": {names::PROMOTE: "test"}}}));
        let trial = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        let releases = self.api::<ExchangeRelease>();
        until(LIMIT, async || {
            let taken = releases.patch(NAME, &trial, &unsigned).await.is_ok();
            Ok(taken.then(|| "an approval without a name is taken".to_owned()))
        })
        .await
    }
}

impl Person {
    /// Runs `kubectl exr` to its end.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn exr(&self, arguments: &[&str]) -> Result<Said> {
        let output = self.command(arguments)?.output().await?;
        Ok(Said {
            code: output.status.code().context("ended by a signal")?,
            text: String::from_utf8(output.stdout)?,
            complaint: String::from_utf8(output.stderr)?,
        })
    }

    /// `kubectl exr`, with pipes to what it prints.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let cluster = cluster()?;
        let (plugin, kubectl) = (program("kubectl-exr")?, cluster.bin("kubectl"));
        let places = [plugin.parent(), kubectl.parent()];
        let mut command = Command::from(cluster.on_machine("kubectl"));
        command
            .env("PATH", std::env::join_paths(places.into_iter().flatten())?)
            .env("KUBECONFIG", &self.kubeconfig)
            .arg("exr")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }
}

impl Said {
    /// It ended with this code, and with these words.
    ///
    /// # Errors
    /// When it did not; with what it said.
    pub fn expect(self, code: i32, words: &str) -> Result<Self> {
        let said = self.text.contains(words) || self.complaint.contains(words);
        ensure!(
            self.code == code && said,
            "expected {code} and {words:?}, got {self:#?}"
        );
        Ok(self)
    }
}
