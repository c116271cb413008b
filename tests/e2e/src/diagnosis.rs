//! Everything a person needs to see why something did not happen.

use std::fs;

use changeover_cluster::Cluster;

/// What is asked of a namespace, each under its title.
const QUESTIONS: [(&str, &[&str]); 7] = [
    ("release", &["get", "exr", "--output=wide"]),
    (
        "status",
        &[
            "get",
            "exr",
            "--output=jsonpath={range .items[*]}{.status}{end}",
        ],
    ),
    ("pods", &["get", "pods", "--output=wide"]),
    (
        "services",
        &["get", "services,endpointslices", "--output=wide"],
    ),
    (
        "events",
        &["get", "events", "--sort-by=.metadata.creationTimestamp"],
    ),
    (
        "operator",
        &[
            "logs",
            "--selector=app.kubernetes.io/name=changeover",
            "--tail=40",
            "--prefix",
        ],
    ),
    (
        "exchange",
        &[
            "logs",
            "--selector=changeover.dev/release",
            "--tail=15",
            "--prefix",
            "--max-log-requests=20",
        ],
    ),
];
/// Longest answer to one of them.
const LINES: usize = 120;

/// Status, pods, Services, Events and logs of a namespace, and the log of the node's kube-proxy.
pub fn of(cluster: &Cluster, namespace: &str) -> String {
    let proxy = cluster
        .kubeconfig()
        .with_file_name("log")
        .join("kube-proxy.log");
    let proxy = fs::read_to_string(&proxy).unwrap_or_else(|error| error.to_string());
    let mut sections = QUESTIONS
        .map(|(title, arguments)| {
            let answer = cluster
                .on_machine("kubectl")
                .args(["--namespace", namespace, "--request-timeout=10s"])
                .args(arguments)
                .output();
            let text = answer.map_or_else(
                |error| error.to_string(),
                |answer| {
                    let both = [answer.stdout, answer.stderr].concat();
                    tail(&String::from_utf8_lossy(&both), LINES)
                },
            );
            format!("--- {title} of namespace {namespace}\n{text}")
        })
        .to_vec();
    sections.push(format!("--- kube-proxy\n{}", tail(&proxy, 20)));
    sections.join("\n")
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    let from = all.len().saturating_sub(lines);
    all.get(from..).unwrap_or_default().join("\n")
}
