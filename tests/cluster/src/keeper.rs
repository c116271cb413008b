//! The namespaces of a cluster and the one process that holds them.
//!
//! `unshare` makes the network, mount and process namespace and stays as the
//! holder; its child, the keeper (`go/keeper`), is process 1 in them. When the
//! holder ends, the kernel ends the keeper and with it every process of the
//! cluster, and the namespaces with their mounts and interfaces are gone. So
//! one record is enough to clean up after any crash.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::inside::Inside;
use crate::process::{ProcessRecord, child_of};
use crate::settings::{API_PORT, NODE_IP};
use crate::{settings, wait};

/// Marks the variable that programs inside a cluster get, so that a person sees
/// in `/proc/PID/environ` which cluster a process belongs to.
const NAME_VARIABLE: &str = "CHANGEOVER_CLUSTER";

/// A cluster's holder, as it is recorded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keeper {
    holder: ProcessRecord,
    /// The keeper itself, once it runs.
    init: Option<ProcessRecord>,
    /// The port on the machine's 127.0.0.1 that leads to the API server.
    pub port: u16,
    /// The keeper's command, by which it is found again.
    program: String,
}

impl Keeper {
    /// Makes the namespaces and opens the port. The caller records the result
    /// at once, then calls [`Keeper::prepare`].
    pub fn start(name: &str, bin: &Path, log: &Path) -> Result<Self> {
        // Made here, so it listens in the machine's namespace wherever the keeper runs.
        let listener =
            TcpListener::bind("127.0.0.1:0").context("cannot open a port on 127.0.0.1")?;
        let port = listener.local_addr()?.port();
        let program = bin.join("keeper").display().to_string();
        let mut child = Command::new("setsid")
            .args(["unshare", "--net", "--pid", "--fork", "--kill-child=KILL"])
            .args(["--mount", "--propagation", "slave", "--mount-proc"])
            .args([&program, &format!("{NODE_IP}:{API_PORT}")])
            .env(NAME_VARIABLE, name)
            .current_dir("/")
            .stdin(OwnedFd::from(listener))
            .stdout(Stdio::null())
            .stderr(File::create(log)?)
            .spawn()
            .context("cannot run setsid and unshare")?;
        let holder = ProcessRecord::of(i32::try_from(child.id())?)?;
        // Reaps the holder when this process outlives it.
        std::thread::spawn(move || child.wait());
        Ok(Self {
            holder,
            init: None,
            port,
            program,
        })
    }

    /// Waits for the keeper, then sets up mounts and network around it. The caller records the result.
    pub fn prepare(&mut self, state: &Path, bin: &Path, log: &Path) -> Result<Inside> {
        let mut found = None;
        wait::until("the cluster's namespaces", Duration::from_secs(10), || {
            ensure!(
                self.holder.is_alive(),
                "cannot make namespaces: {}",
                fs::read_to_string(log).unwrap_or_default()
            );
            found = self.find_init();
            Ok(found.is_some())
        })?;
        self.init = found.map(ProcessRecord::of).transpose()?;
        let inside = self.attach()?;
        let script = settings::render(include_str!("../config/node-setup.sh"), "");
        let output = inside
            .enter(&["--mount", "--net", "--pid"])
            .args(["sh", "-c", &script])
            .env("STATE", state)
            .env("BIN", bin)
            .output()
            .context("cannot run nsenter")?;
        ensure!(
            output.status.success(),
            "cannot set up the node: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(inside)
    }

    /// The way into the namespaces, as long as they exist.
    pub fn attach(&self) -> Result<Inside> {
        let init = self
            .find_init()
            .context("the cluster does not run; `changeover-cluster up` starts it")?;
        Ok(Inside::of(init))
    }

    /// Ends every process of the cluster.
    pub fn end(&self) -> Result<()> {
        let find = || self.find_init().and_then(|pid| ProcessRecord::of(pid).ok());
        // The keeper first: when it is gone, so is everything in its namespace. It may outlive a holder that
        // was killed, for as long as the kernel takes to end the others.
        if let Some(init) = self.init.clone().or_else(find) {
            init.end(Signal::SIGKILL)?;
        }
        self.holder.end(Signal::SIGKILL)
    }

    fn find_init(&self) -> Option<i32> {
        child_of(self.holder.pid, &self.program).filter(|_| self.holder.is_alive())
    }
}
