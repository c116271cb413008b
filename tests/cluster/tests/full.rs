//! A whole cluster: pods from an image, names, Services, logs and exec, and
//! nothing left of it after everything in it was killed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use changeover_cluster::{Cluster, Mode, Options, write_image};
use common::{kill_all, kubectl, network, processes_in, traces};

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: localhost/probe:1
          args: [serve, '8080']
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
          securityContext:
            runAsNonRoot: true
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
            seccompProfile: { type: RuntimeDefault }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 8080 }] }
";

/// Runs in the pods, and asks them from outside.
const PROBE: &str = env!("CARGO_BIN_EXE_cluster-probe");

/// A whole cluster in which two pods answer behind the Service `web`.
fn up_with_web(name: &str) -> Cluster {
    let cluster = Cluster::up(&Options {
        name: name.into(),
        mode: Mode::Full,
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (archive, manifest) = (
        directory.path().join("probe.tar"),
        directory.path().join("web.yaml"),
    );
    write_image("localhost/probe:1", Path::new(PROBE), &archive).unwrap();
    cluster.load_image(&archive).unwrap();
    std::fs::write(&manifest, WEB).unwrap();
    kubectl(
        &cluster,
        &["apply", "--filename", manifest.to_str().unwrap()],
    );
    kubectl(
        &cluster,
        &["rollout", "status", "deployment/web", "--timeout=90s"],
    );
    cluster
}

#[test]
fn pods_run_and_find_each_other_and_all_of_it_ends() {
    let name = "test-full";
    let cluster = up_with_web(name);

    let answer = kubectl(
        &cluster,
        &[
            "exec",
            "deployment/web",
            "--",
            "/program",
            "ask",
            "web:8080",
        ],
    );
    assert!(
        answer.starts_with("web-"),
        "a pod asks a Service by its short name: {answer:?}"
    );
    let address = kubectl(
        &cluster,
        &[
            "get",
            "service",
            "web",
            "--output=jsonpath={.spec.clusterIP}:8080",
        ],
    );
    let output = cluster
        .command(PROBE)
        .args(["ask", &address])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).starts_with("web-"),
        "the node's network reaches Services: {output:?}"
    );
    assert!(kubectl(&cluster, &["logs", "deployment/web"]).starts_with("serving as web-"));

    let network = network(&cluster);
    kill_all(&processes_in(&network));
    cluster.down().unwrap();
    assert_eq!(processes_in(&network), Vec::<i32>::new());
    // A control group that is gone held no process: the containers ended too.
    assert_eq!(traces(name), Vec::<String>::new());
}
