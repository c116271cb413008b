//! Clients' traffic against the live Services, from inside the cluster's network.

use std::fs::{self, File};
use std::path::Path;
use std::process::{self, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use changeover_cluster::Cluster;
use changeover_traffic::Report;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::checkout::programs;
use crate::say::while_waiting;
use crate::stage::Stage;

/// Requests a second, of all kinds of clients together.
const RATE: &str = "100";
/// Longest time that the client takes to begin, or to account for everything.
const LIMIT: Duration = Duration::from_secs(60);

/// A running client.
pub struct Load {
    child: Child,
    directory: TempDir,
}

impl Load {
    /// Starts `changeover-traffic`, and returns once requests are being sent.
    ///
    /// # Errors
    /// If the clients cannot register, or the Services are not there.
    pub async fn start(stage: &Stage<'_>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let program = programs()?.join("changeover-traffic");
        let mut command = first_served(stage.cluster(), &program);
        command.args(["run", "--until-stdin-closes", "--rate", RATE, "--report"]);
        command.arg(directory.path().join("report.json"));
        for service in crate::SERVICES {
            let address = stage
                .address(&format!("{}-{service}", crate::RELEASE))
                .await?;
            command.args([format!("--{service}-url"), format!("http://{address}:8080")]);
        }
        let database = stage.address("postgres").await?;
        command.env("DATABASE_URL", stage.database_url(&database));
        let mut child = Command::from(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(directory.path().join("log"))?)
            .kill_on_drop(true)
            .spawn()
            .context("cannot run changeover-traffic")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let load = Self { child, directory };
        let first = async { BufReader::new(stdout).lines().next_line().await };
        match bounded("clients to register", first).await?? {
            Some(line) if line == "ready" => Ok(load),
            _ => bail!("changeover-traffic did not start: {}", load.log()),
        }
    }

    /// Ends the traffic and accounts for every request.
    ///
    /// # Errors
    /// If the client failed itself. What it found is in the report.
    pub async fn finish(mut self) -> Result<Report> {
        drop(self.child.stdin.take());
        bounded("the account of all requests", self.child.wait()).await??;
        let report = fs::read(self.directory.path().join("report.json"));
        let report = report.with_context(|| format!("no report: {}", self.log()))?;
        Ok(serde_json::from_slice(&report)?)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

/// A program in the cluster's network that gets a processor as soon as it asks for one, where the machine
/// allows it: a client that starts requests late measures itself.
fn first_served(cluster: &Cluster, program: &Path) -> process::Command {
    let real_time = ["--rr", "1"];
    let mut attempt = process::Command::new("chrt");
    let allowed = attempt.args(real_time).arg("true").output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return cluster.command(program);
    }
    let mut command = cluster.command("chrt");
    command.args(real_time).arg(program);
    command
}

async fn bounded<T>(what: &str, work: impl Future<Output = T>) -> Result<T> {
    let what = format!("waiting for {what}");
    let work = while_waiting(&what, String::new, work);
    tokio::time::timeout(LIMIT, work)
        .await
        .with_context(|| format!("{what}: not within {} s", LIMIT.as_secs()))
}

/// What keeps a report from proving that nobody noticed a thing; nothing, if it does.
#[must_use]
pub fn flaws(report: &Report) -> Vec<String> {
    let total = &report.total;
    let ledger = report.ledger.clone().unwrap_or_default();
    let streams = report.streams.clone().unwrap_or_default();
    let counts = [
        ("requests failed", total.failed),
        ("requests lost", total.lost),
        ("orders duplicated", total.duplicated),
        ("answers of two versions mixed", total.mixed),
        ("answers did not say their version", report.unattributed),
        (
            "accepted orders missing from the ledger",
            ledger.missing_orders,
        ),
        ("orders in the ledger that nobody sent", ledger.stray_orders),
        ("notifications missing", ledger.notifications_missing),
        ("notifications doubled", ledger.notifications_doubled),
        ("notifications missing from a stream", streams.gaps),
        ("events doubled in a stream", streams.doubled),
        ("events out of order in a stream", streams.disordered),
        ("streams broken", streams.broken),
    ];
    let mut flaws: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    if !report.kept_rate {
        flaws.push("the client did not keep its rate: the machine is too busy".to_owned());
    }
    if streams.events == 0 {
        flaws.push("no stream brought an event".to_owned());
    }
    flaws.extend(streams.reasons);
    if report.ledger.is_none() || ledger.accepted_orders == 0 {
        flaws.push("no order was accepted".to_owned());
    }
    for failure in report.failures.iter().take(5) {
        flaws.push(format!(
            "{} {}: {} ({})",
            failure.at, failure.request, failure.detail, failure.request_id
        ));
    }
    flaws
}
