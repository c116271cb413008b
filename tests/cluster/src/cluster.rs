//! A cluster as a whole: starting it, using it, ending it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::inside::Inside;
use crate::keeper::Keeper;
use crate::process::ProcessRecord;
use crate::{build, cgroups, control_plane, dns, host, images, node, paths, pause, settings, wait};

/// How long the API server may take to start, on a busy machine with two cores.
const API_SERVER_LIMIT: Duration = Duration::from_secs(90);
const NODE_LIMIT: Duration = Duration::from_secs(90);

/// How much of a cluster there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub enum Mode {
    /// Everything: pods run, Services route, names resolve.
    Full,
    /// etcd, API server and controller manager only: objects, but no pods.
    ControlPlane,
}

/// Which cluster to bring up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Clusters with different names live side by side.
    pub name: String,
    pub mode: Mode,
}

/// What is remembered of a running cluster.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    mode: Mode,
    bin: PathBuf,
    keeper: Keeper,
}

/// A running cluster. It goes on when this value is dropped; [`Cluster::down`] ends it.
#[derive(Debug)]
pub struct Cluster {
    name: String,
    state: PathBuf,
    kubeconfig: PathBuf,
    inside_kubeconfig: PathBuf,
    record: Record,
    inside: Inside,
}

impl Cluster {
    /// Brings a cluster up. A healthy one of the same name and mode is taken
    /// over as it is, with all that is in it; anything else of that name is
    /// removed first. Building the programs, the first time, takes minutes.
    pub fn up(options: &Options) -> Result<Self> {
        host::require_to_run()?;
        let state = paths::state(&options.name)?;
        let bin = build::binaries()?;
        let _lock = lock(&state)?;
        if let Ok(running) = Self::open(&options.name)
            && running.record.mode == options.mode
            && running.record.bin == bin
            && running.is_healthy()
        {
            return Ok(running);
        }
        remove(&options.name, &state)?;
        let log = state.join("log");
        fs::create_dir_all(&log).with_context(|| format!("cannot make {}", log.display()))?;
        let keeper = Keeper::start(&options.name, &bin, &log.join("keeper.log"))?;
        let record = Record { mode: options.mode, bin, keeper };
        fs::write(state.join("cluster.json"), serde_json::to_vec_pretty(&record)?)?;
        Self::start(&options.name, state, record)
    }

    /// Opens a cluster that runs.
    pub fn open(name: &str) -> Result<Self> {
        let state = paths::state(name)?;
        let record = read_record(&state)?.with_context(|| format!("no cluster {name:?}; `changeover-cluster up --name {name}` starts it"))?;
        let inside = record.keeper.attach()?;
        Ok(Self::of(name, state, record, inside))
    }

    /// Ends the cluster called `name`, whatever is left of it: processes,
    /// containers, mounts, namespaces, control groups and files.
    pub fn remove(name: &str) -> Result<()> {
        host::require_to_run()?;
        let state = paths::state(name)?;
        let _lock = lock(&state)?;
        remove(name, &state)
    }

    /// Ends this cluster and leaves nothing of it behind.
    pub fn down(self) -> Result<()> {
        Self::remove(&self.name)
    }

    /// The administrator's kubeconfig for programs on the machine.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The administrator's kubeconfig for programs in the cluster's network.
    pub fn inside_kubeconfig(&self) -> &Path {
        &self.inside_kubeconfig
    }

    /// The directory with `kubectl`, `helm`, `ctr` and all the others.
    pub fn bin_directory(&self) -> &Path {
        &self.record.bin
    }

    /// One of the programs, such as `kubectl` or `helm`.
    pub fn bin(&self, program: &str) -> PathBuf {
        self.record.bin.join(program)
    }

    /// A command in the cluster's network: it reaches pods, Services and the
    /// node by address. It sees the machine's files, and finds the cluster's
    /// programs and its kubeconfig.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.inside.in_network();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .arg(program)
            .env("PATH", format!("{}:{path}", self.record.bin.display()))
            .env("KUBECONFIG", &self.inside_kubeconfig);
        command
    }

    /// Imports the images of an OCI or Docker archive under the names it gives
    /// them (`localhost/...`, fully qualified).
    pub fn load_image(&self, archive: &Path) -> Result<()> {
        ensure!(self.record.mode == Mode::Full, "a cluster with only a control plane runs no images");
        images::load(self.inside, archive)
    }

    /// Ends the API server, as in an outage. Pods and kube-proxy go on.
    pub fn stop_api_server(&self) -> Result<()> {
        let Some(process) = self.inside.component("kube-apiserver") else { return Ok(()) };
        let record = ProcessRecord::of(process.pid)?;
        record.end(Signal::SIGTERM).or_else(|_| record.end(Signal::SIGKILL))
    }

    /// Starts the API server after [`Cluster::stop_api_server`], and returns once it is ready.
    pub fn start_api_server(&self) -> Result<()> {
        if self.inside.component("kube-apiserver").is_none() {
            self.inside.start(&self.state, "kube-apiserver", &control_plane::api_server())?;
        }
        self.await_api_server()
    }

    fn of(name: &str, state: PathBuf, record: Record, inside: Inside) -> Self {
        let kubeconfig = state.join("kubeconfig");
        let inside_kubeconfig = state.join("inside.kubeconfig");
        Self { name: name.to_owned(), state, kubeconfig, inside_kubeconfig, record, inside }
    }

    fn start(name: &str, state: PathBuf, record: Record) -> Result<Self> {
        let keeper = record.keeper.clone();
        let logs = state.join("log");
        let started = (|| {
            node::write_configuration(name, &state)?;
            control_plane::write_credentials(name, &state, keeper.port)?;
            let inside = keeper.prepare(&state, &record.bin, &logs.join("keeper.log"))?;
            let cluster = Self::of(name, state, record, inside);
            cluster.start_components()?;
            Ok(cluster)
        })();
        started.map_err(|error: anyhow::Error| {
            // Nothing half-started keeps running; the logs stay for people.
            let _ = keeper.end();
            error.context(format!("the cluster {name:?} did not come up; logs are in {}", logs.display()))
        })
    }

    fn start_components(&self) -> Result<()> {
        let start = |component: &str, arguments: Vec<String>| self.inside.start(&self.state, component, &arguments);
        let full = self.record.mode == Mode::Full;
        start("etcd", control_plane::etcd())?;
        start("kube-apiserver", control_plane::api_server())?;
        if full {
            cgroups::create(&self.name)?;
            start("containerd", node::containerd())?;
        }
        self.await_api_server()?;
        start("kube-controller-manager", control_plane::controller_manager())?;
        if full {
            start("kube-scheduler", control_plane::scheduler())?;
            start("kube-proxy", node::proxy())?;
            self.await_containerd()?;
            images::load(self.inside, &pause::archive(&self.record.bin)?)?;
            start("kubelet", node::kubelet())?;
            self.create(&dns::manifest())?;
            start("coredns", dns::coredns())?;
            self.await_node()?;
        }
        // Pods are refused until their namespace has its default account.
        self.await_condition("the default service account", NODE_LIMIT, || {
            Ok(self.kubectl(&["get", "serviceaccount", "default", "--namespace=default", "--output=name"])?.is_some())
        })
    }

    fn await_api_server(&self) -> Result<()> {
        wait::until("the API server to be ready", API_SERVER_LIMIT, || {
            self.inside.check(&self.state, "etcd")?;
            self.inside.check(&self.state, "kube-apiserver")?;
            self.api_server_is_ready()
        })
    }

    fn await_containerd(&self) -> Result<()> {
        self.await_condition("containerd", NODE_LIMIT, || images::ready(self.inside))
    }

    fn await_node(&self) -> Result<()> {
        // A new node carries a taint until the controller manager has seen it Ready.
        let state = r#"--output=jsonpath={.status.conditions[?(@.type=="Ready")].status}{.spec.taints}"#;
        self.await_condition("the node to be Ready", NODE_LIMIT, || {
            Ok(self.kubectl(&["get", "node", settings::NODE, state])?.is_some_and(|ready| ready == "True"))
        })
    }

    /// Waits while every component that was started goes on running.
    fn await_condition(&self, what: &str, limit: Duration, condition: impl Fn() -> Result<bool>) -> Result<()> {
        let started: Vec<&str> = self.components().iter().copied().filter(|name| self.inside.component(name).is_some()).collect();
        wait::until(what, limit, || {
            started.iter().try_for_each(|component| self.inside.check(&self.state, component))?;
            condition()
        })
    }

    fn is_healthy(&self) -> bool {
        self.components().iter().all(|component| self.inside.component(component).is_some())
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
        let mut command = Command::new(self.bin("kubectl"));
        command.arg("--request-timeout=5s").args(arguments).env("KUBECONFIG", &self.kubeconfig);
        let output = command.stdin(Stdio::null()).output().context("cannot run kubectl")?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    fn create(&self, manifest: &str) -> Result<()> {
        let mut child = Command::new(self.bin("kubectl"))
            .args(["create", "--validate=false", "--filename=-"])
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run kubectl")?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(manifest.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "kubectl create: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(())
    }
}

/// One `up` or `down` of a name at a time.
fn lock(state: &Path) -> Result<File> {
    let clusters = state.parent().context("the cluster directory has no parent")?;
    fs::create_dir_all(clusters).with_context(|| format!("cannot make {}", clusters.display()))?;
    let file = File::create(state.with_extension("lock"))?;
    file.lock().context("cannot lock the cluster's name")?;
    Ok(file)
}

fn read_record(state: &Path) -> Result<Option<Record>> {
    let path = state.join("cluster.json");
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => bail!("cannot read {}: {error}", path.display()),
    }
}

fn remove(name: &str, state: &Path) -> Result<()> {
    if let Some(record) = read_record(state)? {
        record.keeper.end()?;
    }
    cgroups::remove(name)?;
    match fs::remove_dir_all(state) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).with_context(|| format!("cannot remove {}", state.display())),
        _ => Ok(()),
    }
}
