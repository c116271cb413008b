//! The order in which a cluster's components start, and what each waits for.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Cluster, Mode};
use crate::{archive, cgroups, control_plane, dns, images, node, settings, wait};

/// How long one step may take, on a busy machine with two cores.
const LIMIT: Duration = Duration::from_secs(90);
/// What a control plane gets with a node of kwok.
const PLAYED: [&str; 2] = ["kube-scheduler", "kwok"];

impl Cluster {
    pub(super) fn start_components(&self) -> Result<()> {
        let start = |component: &str, arguments: Vec<String>| {
            self.inside.start(&self.state, component, &arguments)
        };
        let full = self.record.mode == Mode::Full;
        start("etcd", control_plane::etcd())?;
        start("kube-apiserver", control_plane::api_server())?;
        if full {
            cgroups::create(&self.name)?;
            start("containerd", node::containerd())?;
        }
        self.await_api_server()?;
        start(
            "kube-controller-manager",
            control_plane::controller_manager(),
        )?;
        if full {
            start("kube-scheduler", control_plane::scheduler())?;
            start("kube-proxy", node::proxy())?;
            self.await_containerd()?;
            images::load(self.inside, &archive::pause(&self.record.bin)?)?;
            start("kubelet", node::kubelet())?;
            self.create(&dns::manifest())?;
            start("coredns", dns::coredns())?;
            self.await_node(settings::NODE)?;
        }
        // Pods are refused until their namespace has its default account.
        self.await_condition("the default service account", || {
            Ok(self
                .kubectl(&[
                    "get",
                    "serviceaccount",
                    "default",
                    "--namespace=default",
                    "--output=name",
                ])?
                .is_some())
        })
    }

    pub(super) fn await_api_server(&self) -> Result<()> {
        wait::until_slowly("the API server to be ready", LIMIT, || {
            self.inside.check(&self.state, "etcd")?;
            self.inside.check(&self.state, "kube-apiserver")?;
            self.api_server_is_ready()
        })
    }

    fn await_containerd(&self) -> Result<()> {
        self.await_condition("containerd", || images::ready(self.inside))
    }

    pub(super) fn await_node(&self, name: &str) -> Result<()> {
        // A new node carries a taint until the controller manager has seen it Ready.
        let state =
            r#"--output=jsonpath={.status.conditions[?(@.type=="Ready")].status}{.spec.taints}"#;
        self.await_condition("the node to be Ready", || {
            Ok(self
                .kubectl(&["get", "node", name, state])?
                .is_some_and(|ready| ready == "True"))
        })
    }

    /// Waits while every component that was started goes on running.
    fn await_condition(&self, what: &str, condition: impl Fn() -> Result<bool>) -> Result<()> {
        let started: Vec<&str> = self
            .components()
            .iter()
            .copied()
            .chain(PLAYED)
            .filter(|name| self.inside.component(name).is_some())
            .collect();
        wait::until_slowly(what, LIMIT, || {
            started
                .iter()
                .try_for_each(|component| self.inside.check(&self.state, component))?;
            condition()
        })
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.components()
            .iter()
            .all(|component| self.inside.component(component).is_some())
            && self.api_server_is_ready().unwrap_or(false)
    }

    fn api_server_is_ready(&self) -> Result<bool> {
        Ok(self.kubectl(&["get", "--raw=/readyz"])?.is_some())
    }

    fn components(&self) -> &'static [&'static str] {
        match self.record.mode {
            Mode::ControlPlane => &["etcd", "kube-apiserver", "kube-controller-manager"],
            Mode::Full => &[
                "etcd",
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "containerd",
                "kubelet",
                "kube-proxy",
                "coredns",
            ],
        }
    }

    /// What kubectl prints, or nothing when it fails, as it does while things start.
    fn kubectl(&self, arguments: &[&str]) -> Result<Option<String>> {
        let mut command = self.on_machine("kubectl");
        let output = command
            .arg("--request-timeout=5s")
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        let output = output.context("cannot run kubectl")?;
        Ok(output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    pub(super) fn create(&self, manifest: &str) -> Result<()> {
        let mut child = self
            .on_machine("kubectl")
            .args(["create", "--validate=false", "--filename=-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run kubectl")?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(manifest.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "kubectl create: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}
