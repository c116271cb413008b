//! A cluster as a whole: starting it, using it, ending it.

mod record;
mod startup;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use self::record::Record;
use crate::inside::Inside;
use crate::keeper::Keeper;
use crate::process::ProcessRecord;
use crate::{build, cgroups, containers, control_plane, host, images, node, paths};

/// How much of a cluster there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
            && !running.record.is_played
            && running.record.bin == bin
            && running.is_healthy()
        {
            return Ok(running);
        }
        remove(&options.name, &state)?;
        let log = state.join("log");
        fs::create_dir_all(&log).with_context(|| format!("cannot make {}", log.display()))?;
        let keeper = Keeper::start(&options.name, &bin, &log.join("keeper.log"))?;
        let record = Record {
            mode: options.mode,
            is_played: false,
            bin,
            keeper,
        };
        record.write(&state)?;
        Self::start(&options.name, state, record)
    }

    /// Opens a cluster that runs.
    pub fn open(name: &str) -> Result<Self> {
        let state = paths::state(name)?;
        let record = Record::read(&state)?.with_context(|| {
            format!("no cluster {name:?}; `changeover-cluster up --name {name}` starts it")
        })?;
        let inside = record.keeper.attach()?;
        Ok(Self::of(name, state, record, inside))
    }

    /// Ends the cluster called `name`, whatever is left of it: processes,
    /// containers, mounts, namespaces, control groups and files.
    pub fn remove(name: &str) -> Result<()> {
        host::require_to_run()?;
        let state = paths::state(name)?;
        let _lock = lock(&state)?;
        remove(name, &state)?;
        fs::remove_file(lock_file(&state)).context("cannot remove the lock of the cluster's name")
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

    /// A command on the machine that finds the cluster's programs and its
    /// kubeconfig.
    pub fn on_machine(&self, program: impl AsRef<OsStr>) -> Command {
        // With PATH changed, the child's PATH is searched for the program.
        let mut command = Command::new(program);
        self.environment(&mut command, &self.kubeconfig);
        command
    }

    /// Does something in the cluster's network, on a thread of its own: a socket stays in the network it was
    /// made in.
    ///
    /// # Errors
    /// If this process may not enter the network, or `work` fails.
    pub fn in_network<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let network = File::open(self.inside.network())?;
        let thread = std::thread::spawn(move || {
            setns(network, CloneFlags::CLONE_NEWNET)
                .context("cannot enter the cluster's network")?;
            work()
        });
        let done = thread.join();
        done.map_err(|_| anyhow!("the thread in the cluster's network panicked"))?
    }

    /// A command in the cluster's network: it reaches pods, Services and the
    /// node by address. It sees the machine's files, and finds the cluster's
    /// programs and its kubeconfig.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.inside.in_network();
        command.arg(program);
        self.environment(&mut command, &self.inside_kubeconfig);
        command
    }

    /// Where kubectl and helm keep what they learned of this cluster's API. Their
    /// own choice is the home directory, by port: the port of an earlier cluster.
    pub fn kubectl_cache(&self) -> PathBuf {
        self.state.join("kubectl-cache")
    }

    fn environment(&self, command: &mut Command, kubeconfig: &Path) {
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{path}", self.record.bin.display()))
            .env("KUBECONFIG", kubeconfig)
            .env("KUBECACHEDIR", self.kubectl_cache());
    }

    /// Imports the images of an OCI or Docker archive under the names it gives
    /// them (`localhost/...`, fully qualified).
    pub fn load_image(&self, archive: &Path) -> Result<()> {
        ensure!(
            self.record.mode == Mode::Full,
            "a cluster with only a control plane runs no images"
        );
        images::load(self.inside, archive)
    }

    /// Asks the process of a container to end, past the kubelet, as if it had come to that by itself. `id` is what
    /// the status of its pod says.
    pub fn end_container(&self, id: &str) -> Result<()> {
        containers::end(self.inside, id)
    }

    /// From now on nobody can connect to a port of a container's pod; its others stay as they are.
    pub fn close_port(&self, id: &str, port: u16) -> Result<()> {
        containers::close_port(self.inside, id, port)
    }

    /// Kills the API server, as in an outage. Pods and kube-proxy go on. (Asked to end, it would first wait for
    /// the watches of everybody.)
    pub fn stop_api_server(&self) -> Result<()> {
        let Some(process) = self.inside.component("kube-apiserver") else {
            return Ok(());
        };
        ProcessRecord::of(process.pid)?.end(Signal::SIGKILL)
    }

    /// Starts the API server after [`Cluster::stop_api_server`], and returns once it is ready.
    pub fn start_api_server(&self) -> Result<()> {
        if self.inside.component("kube-apiserver").is_none() {
            self.inside
                .start(&self.state, "kube-apiserver", &control_plane::api_server())?;
        }
        self.await_api_server()
    }

    /// Gives a control plane a scheduler and a node of kwok, whose pods say that they are Ready; their addresses
    /// are of the network `pods`, and nobody answers there. Such a cluster is not taken over by [`Cluster::up`].
    ///
    /// # Errors
    /// If one does not start; with the end of its log.
    pub fn play_node(&self, pods: &str) -> Result<()> {
        if self.inside.component("kwok").is_some() {
            return Ok(());
        }
        let start = |component, arguments: Vec<String>| {
            self.inside.start(&self.state, component, &arguments)
        };
        start("kube-scheduler", control_plane::scheduler())?;
        start("kwok", control_plane::kwok(pods))?;
        let mut record = self.record.clone();
        record.is_played = true;
        record.write(&self.state)?;
        self.create(control_plane::KWOK_NODE)?;
        self.await_node("kwok")
    }

    fn of(name: &str, state: PathBuf, record: Record, inside: Inside) -> Self {
        let kubeconfig = state.join("kubeconfig");
        let inside_kubeconfig = state.join("inside.kubeconfig");
        Self {
            name: name.to_owned(),
            state,
            kubeconfig,
            inside_kubeconfig,
            record,
            inside,
        }
    }

    fn start(name: &str, state: PathBuf, mut record: Record) -> Result<Self> {
        let mut keeper = record.keeper.clone();
        let logs = state.join("log");
        let started = (|| {
            node::write_configuration(name, &state)?;
            control_plane::write_credentials(name, &state, keeper.port)?;
            let inside = keeper.prepare(&state, &record.bin, &logs.join("keeper.log"))?;
            record.keeper = keeper.clone();
            record.write(&state)?;
            let cluster = Self::of(name, state, record, inside);
            cluster.start_components()?;
            Ok(cluster)
        })();
        started.map_err(|error: anyhow::Error| {
            // Nothing half-started keeps running; the logs stay for people.
            let _ = keeper.end();
            error.context(format!(
                "the cluster {name:?} did not come up; logs are in {}",
                logs.display()
            ))
        })
    }
}

/// One `up` or `down` of a name at a time. `remove` deletes the file, so a lock
/// counts only if it is on the file that is there now.
fn lock(state: &Path) -> Result<File> {
    let clusters = state
        .parent()
        .context("the cluster directory has no parent")?;
    fs::create_dir_all(clusters).with_context(|| format!("cannot make {}", clusters.display()))?;
    let path = lock_file(state);
    loop {
        let file =
            File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        file.lock().context("cannot lock the cluster's name")?;
        if fs::metadata(&path)
            .is_ok_and(|now| Some(now.ino()) == file.metadata().ok().map(|own| own.ino()))
        {
            return Ok(file);
        }
    }
}

fn lock_file(state: &Path) -> PathBuf {
    state.with_extension("lock")
}

fn remove(name: &str, state: &Path) -> Result<()> {
    if let Some(record) = Record::read(state)? {
        record.keeper.end()?;
    }
    cgroups::remove(name)?;
    match fs::remove_dir_all(state) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", state.display()))
        }
        _ => Ok(()),
    }
}
