//! Containers of the node, past the kubelet: what goes wrong in a pod by itself.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::inside::Inside;

/// Asks a container's process to end.
pub fn end(inside: Inside, id: &str) -> Result<()> {
    run(ctr(inside).args(["tasks", "kill", "--signal", "SIGTERM", bare(id)])).map(drop)
}

/// Refuses connections to a port, in the network of a container's pod.
pub fn close_port(inside: Inside, id: &str, port: u16) -> Result<()> {
    let tasks = run(ctr(inside).args(["tasks", "list"]))?;
    let mut tasks = tasks.lines().map(str::split_whitespace);
    let pid = tasks.find_map(|mut task| (task.next() == Some(bare(id))).then(|| task.next())?);
    let rule = format!(
        "table inet closed {{ chain input {{ type filter hook input priority 0; tcp dport {port} reject with tcp reset; }}; }}"
    );
    let mut nft = inside.in_all();
    nft.args(["nsenter", "--net", "--target", pid.context("no task")?]);
    let mut nft = nft
        .args(["nft", "--file", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run nsenter")?;
    let stdin = nft.stdin.take().context("no standard input")?;
    { stdin }.write_all(rule.as_bytes())?;
    let status = nft.wait()?;
    ensure!(status.success(), "nft: {status}");
    Ok(())
}

/// Without what the status of a pod says before it.
fn bare(id: &str) -> &str {
    id.strip_prefix("containerd://").unwrap_or(id)
}

/// containerd's client.
pub fn ctr(inside: Inside) -> Command {
    let mut command = inside.in_all();
    command.args(["ctr", "--namespace", "k8s.io"]);
    command
}

/// What it prints.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot run ctr")?;
    ensure!(
        output.status.success(),
        "ctr: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    match String::from_utf8(output.stdout) {
        Ok(text) => Ok(text),
        Err(_) => bail!("ctr printed something other than text"),
    }
}
