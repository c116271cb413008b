//! Running programs inside a cluster's namespaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{Member, members};
use crate::settings::{BIN, STATE};
use crate::wait;

/// The namespaces of a running cluster.
#[derive(Clone, Copy, Debug)]
pub struct Inside {
    /// The machine's number of the cluster's process 1.
    init: i32,
}

impl Inside {
    pub fn of(init: i32) -> Self {
        Self { init }
    }

    /// The file that stands for the cluster's network namespace.
    pub fn network(self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.init))
    }

    /// A command in the cluster's network namespace, with the machine's own
    /// files and processes in sight.
    pub fn in_network(self) -> Command {
        self.enter(&["--net"])
    }

    /// A command as the components run: all namespaces, their directories.
    pub fn in_all(self) -> Command {
        let mut command = self.enter(&["--mount", "--net", "--pid"]);
        command
            .env_clear()
            .env(
                "PATH",
                format!("{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            )
            .env("HOME", "/run/changeover")
            .current_dir("/");
        command
    }

    /// `nsenter` up to and including `--`; the program follows as arguments.
    pub fn enter(self, namespaces: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg("--target")
            .arg(self.init.to_string())
            .args(namespaces)
            .arg("--");
        command
    }

    /// Starts a component; it outlives this process. What it says goes to
    /// `log/NAME.log` in the cluster's directory.
    pub fn start(self, state: &Path, component: &str, arguments: &[String]) -> Result<()> {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log_of(state, component))?;
        let status = self
            .in_all()
            .args(["setsid", "--fork", &program_of(component)])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()
            .context("cannot run nsenter")?;
        ensure!(status.success(), "cannot start {component}: {status}");
        // `setsid` returns before its child has become the component. A program that no one has run yet
        // may have to come from a slow disk.
        let appears = wait::until(component, Duration::from_secs(30), || {
            Ok(self.component(component).is_some())
        });
        appears.or_else(|_| self.check(state, component))
    }

    /// The running process of a component.
    pub fn component(self, component: &str) -> Option<Member> {
        let program = program_of(component);
        members(self.init)
            .into_iter()
            .find(|member| member.program == program)
    }

    /// Fails with the end of its log when a component that was started is gone.
    pub fn check(self, state: &Path, component: &str) -> Result<()> {
        if self.component(component).is_some() {
            return Ok(());
        }
        let path = log_of(state, component);
        let log = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(12)..)
            .unwrap_or_default()
            .join("\n");
        bail!(
            "{component} does not run; the end of {}:\n{last}",
            path.display()
        )
    }
}

/// A path in the cluster's directory, as the components see it.
pub fn path(below_state: &str) -> String {
    format!("{STATE}/{below_state}")
}

fn program_of(component: &str) -> String {
    format!("{BIN}/{component}")
}

fn log_of(state: &Path, component: &str) -> PathBuf {
    state.join("log").join(format!("{component}.log"))
}
