//! The command as the tests and the demo use it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;

use changeover_traffic::Report;
use support::{Exchange, Reply};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

fn start(url: &str, report: &std::path::Path, more: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_changeover-traffic"))
        .args([
            "run",
            "--user-url",
            url,
            "--trade-url",
            url,
            "--notification-url",
            url,
        ])
        .args(["--rate", "100", "--traders", "2", "--report"])
        .arg(report)
        .args(more)
        .env_remove("DATABASE_URL")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn read(path: &std::path::Path) -> Report {
    serde_json::from_slice(&tokio::fs::read(path).await.unwrap()).unwrap()
}

#[tokio::test]
async fn it_says_ready_and_ends_with_a_report_when_stdin_closes() {
    let exchange = Exchange::start(|_| Reply::Good).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.json");
    let mut child = start(&exchange.url, &path, &["--until-stdin-closes"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
    // The first progress line: a second of traffic has passed.
    let mut progress = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = progress.next_line().await.unwrap().unwrap();
    assert!(
        line.contains("sent ") && line.contains("green/2.0.0"),
        "{line}"
    );
    drop(child.stdin.take());
    assert!(child.wait().await.unwrap().success());
    let report = read(&path).await;
    assert_eq!(report.total.ok, report.total.sent);
    assert_eq!(report.total.sent, exchange.requests());
}

#[tokio::test]
async fn its_exit_code_says_when_the_rate_was_not_kept() {
    let exchange = Exchange::start(|_| Reply::Stall).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.json");
    let limits = [
        "--duration",
        "500ms",
        "--timeout",
        "600ms",
        "--max-in-flight",
        "5",
    ];
    let output = start(&exchange.url, &path, &limits)
        .wait_with_output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did not keep its rate"));
    assert!(!read(&path).await.kept_rate);
}

#[tokio::test]
async fn it_refuses_public_addresses() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.json");
    let output = start("http://192.0.2.1", &path, &[])
        .wait_with_output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("neither loopback nor private"));
}
