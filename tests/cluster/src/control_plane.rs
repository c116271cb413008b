//! etcd, the API server, the controller manager and the scheduler: how each is
//! called.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::inside::path as inside;
use crate::kubeconfig;
use crate::pki::{Authority, write_private};
use crate::settings::{API_PORT, NODE, NODE_IP, SERVICE_CIDR};

/// Users of the API other than people: file name, user, group.
const USERS: &[(&str, &str, Option<&str>)] = &[
    (
        "kube-controller-manager",
        "system:kube-controller-manager",
        None,
    ),
    ("kube-scheduler", "system:kube-scheduler", None),
    ("kube-proxy", "system:kube-proxy", None),
    ("coredns", "coredns", None),
];

/// The API server's address inside the cluster.
pub fn server() -> String {
    format!("https://{NODE_IP}:{API_PORT}")
}

/// Writes the certificates and every kubeconfig. `port` is the machine's way in.
pub fn write_credentials(cluster: &str, state: &Path, port: u16) -> Result<()> {
    let authority = Authority::create(&state.join("pki"))?;
    let configs = state.join("config");
    fs::create_dir_all(&configs)?;
    let certificate = authority.certificate();
    let write = |path: &Path, server: &str, user: &str, group: Option<&str>| -> Result<()> {
        let identity = authority.client(user, group)?;
        write_private(
            path,
            &kubeconfig::render(cluster, server, &certificate, &identity),
        )
    };
    for (file, user, group) in USERS {
        write(
            &configs.join(format!("{file}.kubeconfig")),
            &server(),
            user,
            *group,
        )?;
    }
    write(
        &configs.join("kubelet.kubeconfig"),
        &server(),
        &format!("system:node:{NODE}"),
        Some("system:nodes"),
    )?;
    let admins = Some("system:masters");
    write(&state.join("inside.kubeconfig"), &server(), "admin", admins)?;
    write(
        &state.join("kubeconfig"),
        &format!("https://127.0.0.1:{port}"),
        "admin",
        admins,
    )
}

/// etcd keeps nothing that must survive the machine, so it never waits for the disk.
pub fn etcd() -> Vec<String> {
    vec![
        "--name=node".into(),
        format!("--data-dir={}", inside("etcd")),
        "--unsafe-no-fsync".into(),
        "--listen-client-urls=http://127.0.0.1:2379".into(),
        "--advertise-client-urls=http://127.0.0.1:2379".into(),
        "--listen-peer-urls=http://127.0.0.1:2380".into(),
        "--log-level=warn".into(),
    ]
}

/// Defaults but for addresses and credentials: what people run is what is tested.
pub fn api_server() -> Vec<String> {
    let pki = |file: &str| inside(&format!("pki/{file}"));
    vec![
        "--etcd-servers=http://127.0.0.1:2379".into(),
        format!("--advertise-address={NODE_IP}"),
        format!("--secure-port={API_PORT}"),
        format!("--service-cluster-ip-range={SERVICE_CIDR}"),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        "--allow-privileged=true".into(),
        format!("--client-ca-file={}", pki("ca.crt")),
        format!("--tls-cert-file={}", pki("kube-apiserver.crt")),
        format!("--tls-private-key-file={}", pki("kube-apiserver.key")),
        format!("--kubelet-certificate-authority={}", pki("ca.crt")),
        format!("--kubelet-client-certificate={}", pki("kubelet-client.crt")),
        format!("--kubelet-client-key={}", pki("kubelet-client.key")),
        // Logs and exec: node names resolve nowhere here.
        "--kubelet-preferred-address-types=InternalIP".into(),
        // Aggregated API servers trust who the API server says is calling.
        format!("--requestheader-client-ca-file={}", pki("ca.crt")),
        "--requestheader-allowed-names=front-proxy-client".into(),
        "--requestheader-username-headers=X-Remote-User".into(),
        "--requestheader-group-headers=X-Remote-Group".into(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
        format!("--service-account-key-file={}", pki("service-accounts.pub")),
        format!(
            "--service-account-signing-key-file={}",
            pki("service-accounts.key")
        ),
    ]
}

/// One instance, so no leader election; rates high enough not to be what a test measures.
pub fn controller_manager() -> Vec<String> {
    let pki = |file: &str| inside(&format!("pki/{file}"));
    let mut arguments = vec![
        "--use-service-account-credentials=true".into(),
        format!("--root-ca-file={}", pki("ca.crt")),
        format!(
            "--service-account-private-key-file={}",
            pki("service-accounts.key")
        ),
        format!("--cluster-signing-cert-file={}", pki("ca.crt")),
        format!("--cluster-signing-key-file={}", pki("ca.key")),
        // The default lies in /usr.
        "--flex-volume-plugin-dir=/run/changeover/volume-plugins".into(),
        // With one node there is nowhere to move pods to: an API server that is away must not end in
        // every pod being marked unready because the kubelet could not report.
        "--node-monitor-grace-period=10m".into(),
        "--concurrent-deployment-syncs=16".into(),
        "--concurrent-replicaset-syncs=16".into(),
        "--concurrent-service-endpoint-syncs=16".into(),
        "--concurrent-namespace-syncs=16".into(),
    ];
    arguments.extend(client("kube-controller-manager"));
    arguments
}

/// As the controller manager.
pub fn scheduler() -> Vec<String> {
    client("kube-scheduler").into()
}

/// Of kwok, which gives its pods addresses of the network `pods`.
pub fn kwok(pods: &str) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", inside("inside.kubeconfig")),
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake".into(),
        format!("--cidr={pods}"),
        // Logs and exec: nobody asks its pods for either.
        "--node-port=0".into(),
    ]
}

/// A node that kwok takes for its own.
pub const KWOK_NODE: &str = r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"kwok","annotations":{"kwok.x-k8s.io/node":"fake"}}}"#;

fn client(component: &str) -> [String; 6] {
    let kubeconfig = inside(&format!("config/{component}.kubeconfig"));
    [
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        "--leader-elect=false".into(),
        "--kube-api-qps=500".into(),
        "--kube-api-burst=1000".into(),
    ]
}
