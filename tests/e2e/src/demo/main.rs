//! The command `changeover-demo`: releases an exchange in a real Kubernetes while clients trade, and accounts for every request.

mod account;
mod script;

use std::process::ExitCode;

use anyhow::{Context, Result};
use changeover_e2e::{Lab, root, say};

/// Of the cluster; `make cluster-down NAME=changeover-demo` ends it.
const CLUSTER: &str = "changeover-demo";

#[tokio::main]
async fn main() -> ExitCode {
    match demo().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(format!("changeover-demo: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing was lost, and nobody saw the broken version.
async fn demo() -> Result<bool> {
    say("A Kubernetes of its own, with the images of the operator and of the exchange");
    let lab = Lab::up(CLUSTER)?;
    let shown = script::play(&lab).await;
    if shown.is_err() {
        look_around(&lab);
    }
    let account = shown?;
    let path = root().join("target/demo/report.json");
    let directory = path.parent().context("the report has no directory")?;
    std::fs::create_dir_all(directory)?;
    std::fs::write(&path, serde_json::to_vec_pretty(&account)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("\n{account}\n");
    println!("The same as JSON: {}", path.display());
    look_around(&lab);
    Ok(account.passed())
}

fn look_around(lab: &Lab) {
    println!(
        "To look around:        export KUBECONFIG={} PATH={}:$PATH",
        lab.cluster().kubeconfig().display(),
        lab.cluster().bin_directory().display()
    );
    println!(
        "                       kubectl --namespace {} get exr,pods,services",
        script::NAMESPACE
    );
    println!("To remove everything:  make cluster-down NAME={CLUSTER}");
}
