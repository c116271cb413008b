//! A cluster's life: it serves, it survives crashes, it leaves nothing behind.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;

use changeover_cluster::{Cluster, Mode, Options};
use common::{kill_all, kubectl, network, processes_in, traces};

fn up(name: &str) -> Cluster {
    Cluster::up(&Options {
        name: name.into(),
        mode: Mode::ControlPlane,
    })
    .unwrap()
}

fn interfaces() -> BTreeSet<String> {
    fs::read_dir("/sys/class/net")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_control_plane_serves_and_leaves_nothing_behind() {
    let name = "test-life";
    let interfaces_before = interfaces();
    let cluster = up(name);
    let network = network(&cluster);
    assert!(processes_in(&network).len() >= 4);

    kubectl(
        &cluster,
        &[
            "create",
            "deployment",
            "web",
            "--image=localhost/web:1",
            "--replicas=2",
        ],
    );
    kubectl(
        &cluster,
        &[
            "wait",
            "--for=create",
            "replicaset",
            "--selector=app=web",
            "--timeout=30s",
        ],
    );
    let inside = cluster
        .command("kubectl")
        .args(["get", "deployments", "--output=name"])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(inside.stdout).unwrap().trim(),
        "deployment.apps/web"
    );

    let again = up(name);
    assert_eq!(
        kubectl(&again, &["get", "deployments", "--output=name"]).trim(),
        "deployment.apps/web",
        "taken over as it is"
    );

    let (kubeconfig, bin) = (cluster.kubeconfig().to_owned(), cluster.bin("kubectl"));
    cluster.down().unwrap();
    assert_eq!(processes_in(&network), Vec::<i32>::new());
    assert_eq!(traces(name), Vec::<String>::new());
    assert_eq!(interfaces(), interfaces_before);
    assert!(!kubeconfig.exists() && bin.exists());
}

#[test]
fn up_works_after_everything_was_killed() {
    let name = "test-killed";
    let cluster = up(name);
    kubectl(&cluster, &["create", "namespace", "before"]);
    let network = network(&cluster);
    kill_all(&processes_in(&network));
    let cluster = up(name);
    assert!(
        !kubectl(&cluster, &["get", "namespaces", "--output=name"]).contains("namespace/before"),
        "a new cluster"
    );
    assert_eq!(processes_in(&network), Vec::<i32>::new());
    cluster.down().unwrap();
    assert_eq!(traces(name), Vec::<String>::new());
}

#[test]
fn an_api_server_can_be_away_for_a_while() {
    let cluster = up("test-outage");
    kubectl(&cluster, &["create", "namespace", "before"]);
    cluster.stop_api_server().unwrap();
    let refused = cluster
        .on_machine("kubectl")
        .args(["get", "namespaces"])
        .output()
        .unwrap();
    assert!(!refused.status.success());
    cluster.start_api_server().unwrap();
    assert!(
        kubectl(&cluster, &["get", "namespaces", "--output=name"]).contains("namespace/before")
    );
    cluster.down().unwrap();
}

#[test]
fn pods_of_a_played_node_say_that_they_are_ready() {
    let cluster = up("test-kwok");
    cluster.play_node("198.18.0.0/15").unwrap();
    let network = network(&cluster);
    let processes = processes_in(&network).len();
    cluster.play_node("198.18.0.0/15").unwrap();
    assert_eq!(processes_in(&network).len(), processes, "it is played once");
    kubectl(
        &cluster,
        &["create", "deployment", "web", "--image=localhost/web:1"],
    );
    kubectl(
        &cluster,
        &["rollout", "status", "deployment/web", "--timeout=60s"],
    );
    let address = "--output=jsonpath={.items[*].status.podIP}";
    let address = kubectl(&cluster, &["get", "pods", address]);
    assert!(address.starts_with("198.18."), "{address:?}");

    let plain = up("test-kwok");
    assert!(!kubectl(&plain, &["get", "nodes", "--output=name"]).contains("kwok"));
    plain.down().unwrap();
}

#[test]
fn clusters_with_different_names_live_side_by_side() {
    let (one, two) = (up("test-one"), up("test-two"));
    kubectl(&one, &["create", "namespace", "only-one"]);
    assert!(!kubectl(&two, &["get", "namespaces", "--output=name"]).contains("only-one"));
    assert_ne!(network(&one), network(&two));
    one.down().unwrap();
    assert!(
        kubectl(&two, &["get", "namespaces", "--output=name"]).contains("kube-system"),
        "the other one goes on"
    );
    two.down().unwrap();
}

#[test]
fn nothing_listens_on_the_machine_but_the_way_to_the_api_server() {
    let cluster = up("test-ports");
    let kubeconfig = fs::read_to_string(cluster.kubeconfig()).unwrap();
    let server = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("server: https://"))
        .unwrap();
    let (address, port) = server.split_once(':').unwrap();
    assert_eq!(address, "127.0.0.1");
    assert_eq!(
        listening_on_the_machine(&processes_in(&network(&cluster))),
        [port.parse::<u16>().unwrap()]
    );
    cluster.down().unwrap();
}

/// Ports of the machine's own network namespace on which these processes listen.
fn listening_on_the_machine(pids: &[i32]) -> Vec<u16> {
    let open: BTreeSet<String> = pids
        .iter()
        .flat_map(|pid| {
            fs::read_dir(format!("/proc/{pid}/fd"))
                .into_iter()
                .flatten()
        })
        .filter_map(|entry| {
            fs::read_link(entry.ok()?.path())
                .ok()?
                .to_str()
                .map(str::to_owned)
        })
        .collect();
    let sockets = ["tcp", "tcp6"]
        .map(|table| fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default());
    sockets
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .filter_map(|line| listener(line, &open))
        .collect()
}

/// proc_net_tcp: the second field is the local address, the fourth the state
/// (0A: listening), the tenth the inode.
fn listener(line: &str, open: &BTreeSet<String>) -> Option<u16> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let ours = fields[3] == "0A" && open.contains(&format!("socket:[{}]", fields[9]));
    ours.then(|| u16::from_str_radix(fields[1].rsplit_once(':').unwrap().1, 16).unwrap())
}
