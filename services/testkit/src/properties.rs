//! Whether a service keeps its OpenAPI document, whatever it is sent.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, ensure};
use tokio::process::Command;

use crate::process::ServiceProcess;

/// Sends a service what a property-based tester makes of its document: good and bad values for every field,
/// wrong methods, missing headers, calls in a row that use each other's answers. What the tester checks, and
/// its budget, stand in `tools/schemathesis/schemathesis.toml`.
///
/// # Errors
/// When an answer is a 5xx or not in the document; with the requests, ready to be repeated.
pub async fn keeps_its_document(
    process: &ServiceProcess,
    token: &str,
    excluded: &[&str],
) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // What it keeps of a run beside its output is for people; it goes where nothing stays.
    let scratch = tempfile::tempdir()?;
    let mut tester = Command::new(root.join("tools/schemathesis.sh").canonicalize()?);
    tester.args(["run", "--no-color"]);
    for path in excluded {
        tester.args(["--exclude-path", path]);
    }
    tester
        .arg(process.url("/openapi.json"))
        .env("EXCHANGE_TOKEN", token)
        .current_dir(scratch.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let answer = tester.output().await?;
    let said = String::from_utf8_lossy(&answer.stdout);
    let complained = String::from_utf8_lossy(&answer.stderr);
    ensure!(answer.status.success(), "{said}\n{complained}");
    println!("{said}");
    Ok(())
}
