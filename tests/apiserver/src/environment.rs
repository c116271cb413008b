//! The cluster that all tests of a process share, and what stands in it from the start.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use changeover_cluster::{Cluster, Mode, Options};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// Addresses of the pods: reserved for tests (RFC 2544), so that they can collide with nothing.
/// One local route makes all of them addresses of the cluster's network.
pub(crate) const POD_NETWORK: &str = "198.18.0.0/15";
/// Name of the cluster; `make test-apiserver` ends it.
const NAME: &str = "changeover-api";

struct Environment {
    cluster: Cluster,
    /// Ends when this process does: its standard input is ours.
    _responder: Child,
}

/// The cluster, with the resource's definition and the pods' network in it. A running one is taken over.
///
/// # Errors
/// When it does not come up.
pub fn cluster() -> Result<&'static Cluster> {
    static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();
    ENVIRONMENT
        .get_or_init(|| start().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map(|environment| &environment.cluster)
        .map_err(|error| anyhow!("{error}"))
}

fn start() -> Result<Environment> {
    let cluster = Cluster::up(&Options {
        name: NAME.to_owned(),
        mode: Mode::ControlPlane,
    })?;
    let definition = serde_json::to_vec(&changeover_crds::definition()?)?;
    kubectl(
        &cluster,
        &["apply", "--server-side", "--filename=-"],
        &definition,
    )?;
    let established = [
        "wait",
        "--for=condition=Established",
        "--timeout=30s",
        "crd/exchangereleases.changeover.dev",
    ];
    kubectl(&cluster, &established, b"")?;
    let mut route = cluster.command("ip");
    route.args(["route", "replace", "local", POD_NETWORK, "dev", "lo"]);
    run(route, b"")?;
    let directory = answers(&cluster);
    std::fs::create_dir_all(&directory)?;
    let responder = cluster
        .command(program("probe-responder")?)
        .arg("serve")
        .arg(&directory)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run probe-responder")?;
    Ok(Environment {
        cluster,
        _responder: responder,
    })
}

/// Files named after pods' addresses; each holds the version that this pod says it is.
pub(crate) fn answers(cluster: &Cluster) -> PathBuf {
    directory(cluster).join("answers")
}

/// Where the logs of the operators go.
pub(crate) fn logs(cluster: &Cluster) -> PathBuf {
    directory(cluster).join("operators")
}

/// The cluster's own directory: what lies there goes with the cluster.
fn directory(cluster: &Cluster) -> &Path {
    let kubeconfig = cluster.kubeconfig();
    kubeconfig.parent().unwrap_or(kubeconfig)
}

/// A client of an administrator, for the runtime of the calling test.
///
/// # Errors
/// When the cluster does not come up.
pub async fn test_client() -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(cluster()?.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(changeover_client::connect(config)?)
}

/// The examples that people apply.
#[must_use]
pub fn examples() -> PathBuf {
    root().join("docs/examples")
}

/// What the chart of an exchange makes of the values of an environment.
///
/// # Errors
/// When helm refuses them; with what it said.
pub fn rendered(values: &str) -> Result<Vec<u8>> {
    let chart = root().join("charts/exchange");
    let mut helm = cluster()?.on_machine("helm");
    helm.args(["template", "exchange"]).arg(&chart);
    helm.args(["--namespace=default", "--kube-version=1.36.3", "--values"]);
    helm.arg(chart.join(values));
    Ok(run(helm, b"")?.into_bytes())
}

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A program that was built beside this one, or beside the directory of this test.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let mut places = this
        .ancestors()
        .skip(1)
        .take(2)
        .map(|place| place.join(name));
    places.find(|path| path.exists()).with_context(|| {
        format!(
            "{name} is not there beside {}: run `make build`, or `make test-apiserver`, which does it",
            this.display()
        )
    })
}

/// Runs kubectl as administrator; what it prints.
pub(crate) fn kubectl(cluster: &Cluster, arguments: &[&str], input: &[u8]) -> Result<String> {
    let mut command = cluster.on_machine("kubectl");
    command.args(arguments);
    run(command, input)
}

/// Runs a program to its end; what it prints.
pub(crate) fn run(mut command: Command, input: &[u8]) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input)?;
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
