//! A service as a process of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::binaries::binary;

/// A service process on ports of its own; killed when dropped.
pub struct ServiceProcess {
    child: Child,
    output: Arc<Mutex<Vec<String>>>,
    ports: HashMap<String, u16>,
}

impl ServiceProcess {
    /// Starts a service with these settings (environment variables) and waits until it is ready.
    ///
    /// # Errors
    /// When it does not build, exits, or is not ready within 30 s.
    pub async fn start(service: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let mut process = Self::spawn(service, settings)?;
        let ready = eventually(Duration::from_secs(30), async || {
            process.learn_ports();
            match process.ports.get("admin") {
                Some(port) => {
                    answers_ok(*port, "/readyz").await && process.ports.contains_key("client")
                }
                None => false,
            }
        });
        if !ready.await {
            bail!("{service} is not ready: {}", process.output());
        }
        Ok(process)
    }

    /// Starts a service and does not wait for it.
    ///
    /// # Errors
    /// When it does not build or cannot be started.
    pub fn spawn(service: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(binary(service)?);
        command.env_clear();
        command.envs([
            ("BIND_ADDRESS", "127.0.0.1"),
            ("PORT", "0"),
            ("ADMIN_PORT", "0"),
        ]);
        command.envs(settings.iter().copied());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let output = Arc::default();
        collect(child.stdout.take().context("no stdout")?, &output);
        collect(child.stderr.take().context("no stderr")?, &output);
        Ok(Self {
            child,
            output,
            ports: HashMap::new(),
        })
    }

    /// Address of a path on the client port.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port())
    }

    /// Address of a path on the admin port.
    pub fn admin(&self, path: &str) -> String {
        let port = self.ports.get("admin").copied().unwrap_or_default();
        format!("http://127.0.0.1:{port}{path}")
    }

    /// The client port.
    pub fn port(&self) -> u16 {
        self.ports.get("client").copied().unwrap_or_default()
    }

    /// The most memory that the process has held so far, in KiB.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let figure = line.and_then(|line| line.split_whitespace().next());
        Ok(figure.context("no VmHWM")?.parse()?)
    }

    /// Asks the process to end, as a kubelet does.
    pub fn terminate(&self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }

    /// How the process ended.
    ///
    /// # Errors
    /// When it has not ended in time.
    pub async fn exit(&mut self, within: Duration) -> Result<ExitStatus> {
        let child = &mut self.child;
        let ended = eventually(within, async || child.try_wait().ok().flatten().is_some()).await;
        let status = self.child.try_wait()?;
        status
            .filter(|_| ended)
            .with_context(|| format!("still running: {}", self.output()))
    }

    /// Everything written to standard output and standard error so far.
    pub fn output(&self) -> String {
        self.output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .join("\n")
    }

    fn learn_ports(&mut self) {
        for line in self.output().lines() {
            let Ok(event) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let said = |field: &str| event.get(field).cloned().unwrap_or_default();
            let port = said("port")
                .as_u64()
                .and_then(|port| u16::try_from(port).ok());
            if let (Some("listening"), Some(name), Some(port)) =
                (said("message").as_str(), said("name").as_str(), port)
            {
                self.ports.insert(name.to_owned(), port);
            }
        }
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition holds; returns whether it did in time.
pub async fn eventually(within: Duration, mut condition: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    loop {
        if condition().await {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn answers_ok(port: u16, path: &str) -> bool {
    let answer = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn collect(stream: impl Read + Send + 'static, output: &Arc<Mutex<Vec<String>>>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        }
    });
}
