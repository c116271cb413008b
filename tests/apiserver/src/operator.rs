//! The operator as a process in the cluster's network, with exactly the rights that the chart gives it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::config::Kubeconfig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::environment::{cluster, kubectl, program, root, run};
use crate::wait::until;

/// Name of the chart's release, and so of its ServiceAccount and its Lease.
const CHART: &str = "changeover";
/// How long the operator may take for what it does at once.
const LIMIT: Duration = Duration::from_secs(30);

/// A running operator. It is killed when it is dropped.
#[derive(Debug)]
pub struct Operator {
    child: Child,
    log: PathBuf,
    address: String,
}

impl Operator {
    /// Starts an operator for a namespace, as a pod with this name.
    pub(crate) fn start(namespace: &str, pod: &str, kubeconfig: &Path, log: &Path) -> Result<Self> {
        static PORT: AtomicU16 = AtomicU16::new(20_000);
        let address = format!("127.0.0.1:{}", PORT.fetch_add(1, Ordering::Relaxed));
        let file = File::options().create(true).append(true).open(log)?;
        let child = cluster()?
            .command(program("changeover-operator")?)
            .args(["--listen", &address])
            .env("KUBECONFIG", kubeconfig)
            .env("WATCH_NAMESPACES", namespace)
            .env("LEASE_NAME", CHART)
            .env("POD_NAME", pod)
            .env("POD_NAMESPACE", namespace)
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("cannot run the operator")?;
        Ok(Self {
            child,
            log: log.to_owned(),
            address,
        })
    }

    /// SIGKILL, as when its node is lost.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(mut self) -> Result<()> {
        self.end()
    }

    /// The same, where another takes its place.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn end(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Suspends it, as when its machine hangs.
    ///
    /// # Errors
    /// When it does not run.
    pub fn suspend(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Asks it to end in order, as the kubelet does, and waits until it has.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn terminate(&mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let status = self.await_exit().await?;
        ensure!(
            status.success(),
            "the operator ended with {status}: {}",
            self.said()
        );
        Ok(())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)
            .context("the operator does not run")
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// When its state cannot be read.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits until it ends by itself, which must be with an error.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn await_end(&mut self) -> Result<()> {
        let status = self.await_exit().await?;
        ensure!(!status.success(), "the operator ended as if all were well");
        Ok(())
    }

    async fn await_exit(&mut self) -> Result<ExitStatus> {
        let mut ended = None;
        until(LIMIT, async || {
            ended = self.child.try_wait()?;
            Ok(ended
                .is_none()
                .then(|| format!("the operator goes on: {}", self.said())))
        })
        .await?;
        ended.context("no exit status")
    }

    /// Waits until its log says this.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn await_saying(&self, words: &str) -> Result<()> {
        until(LIMIT, async || {
            let log = std::fs::read_to_string(&self.log)?;
            Ok((!log.contains(words)).then(|| format!("no word of {words:?}: {}", self.said())))
        })
        .await
    }

    /// How many lines of its log have all of these words in them.
    ///
    /// # Errors
    /// When there is no log.
    pub fn count_saying(&self, words: &[&str]) -> Result<usize> {
        let log = std::fs::read_to_string(&self.log)?;
        let says = |line: &&str| words.iter().all(|word| line.contains(word));
        Ok(log.lines().filter(says).count())
    }

    /// The sum of the samples of a metric that have all of these words in them.
    ///
    /// # Errors
    /// When the operator does not answer.
    pub fn metric(&self, name: &str, words: &[&str]) -> Result<f64> {
        let text = self.get("/metrics")?;
        let samples = text.lines().filter(|line| line.starts_with(name));
        let wanted = samples.filter(|line| words.iter().all(|word| line.contains(word)));
        Ok(wanted
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum())
    }

    /// Asks what the kubelet asks.
    ///
    /// # Errors
    /// When it would not let it run, or not count it as ready.
    pub fn assert_fit(&self) -> Result<()> {
        for path in ["/healthz", "/readyz"] {
            let answer = self.get(path)?;
            ensure!(answer == "ok\n", "{path}: {answer}");
        }
        Ok(())
    }

    fn get(&self, path: &str) -> Result<String> {
        let mut get = cluster()?.command(program("probe-responder")?);
        get.args(["get", &self.address, path]);
        run(get, b"")
    }

    /// Waits until a metric fulfils a condition.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn await_metric(
        &self,
        name: &str,
        limit: Duration,
        holds: impl Fn(f64) -> bool,
    ) -> Result<()> {
        until(limit, async || {
            // At first it does not listen yet.
            let value = self.metric(name, &[]);
            let fulfilled = value.as_ref().is_ok_and(|value| holds(*value));
            Ok((!fulfilled)
                .then(|| format!("{name} is {value:?}; the operator said: {}", self.said())))
        })
        .await
    }

    /// Waits until it leads.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn await_leading(&self) -> Result<()> {
        self.await_metric("changeover_leader", LIMIT, |leads| leads > 0.0)
            .await
    }

    /// The end of its log.
    #[must_use]
    pub fn said(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(12)..)
            .unwrap_or_default()
            .join("\n")
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Installs the rights of the chart in a namespace, and a kubeconfig of its ServiceAccount.
pub(crate) fn grant(namespace: &str, kubernetes: &str, kubeconfig: &Path) -> Result<()> {
    let cluster = cluster()?;
    let rights = rendered_part(namespace, kubernetes, "templates/rbac.yaml")?;
    kubectl(cluster, &["apply", "--filename=-"], rights.as_bytes())?;
    let token = kubectl(
        cluster,
        &["create", "token", CHART, "--namespace", namespace],
        b"",
    )?;
    let mut config = Kubeconfig::read_from(cluster.inside_kubeconfig())?;
    for user in &mut config.auth_infos {
        user.auth_info = serde_json::from_value(serde_json::json!({"token": token.trim()}))?;
    }
    std::fs::write(kubeconfig, serde_yaml_ng::to_string(&config)?)?;
    Ok(())
}

/// One template of the operator's chart, installed in a namespace.
pub(crate) fn rendered_part(namespace: &str, kubernetes: &str, template: &str) -> Result<String> {
    let mut helm = cluster()?.on_machine("helm");
    helm.args([
        "template",
        CHART,
        "--namespace",
        namespace,
        "--show-only",
        template,
        // Without a cluster, helm takes an old one for granted.
        "--kube-version",
        kubernetes,
    ])
    .arg(root().join("charts/changeover"));
    run(helm, b"")
}
