//! Everything a person needs to see why something did not happen.

use changeover_cluster::Cluster;

/// Status, pods, Events and the operator's log of a namespace.
pub fn of(cluster: &Cluster, namespace: &str) -> String {
    let questions: [(&str, &[&str]); 5] = [
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
    ];
    questions
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
                    tail(&String::from_utf8_lossy(&both), 60)
                },
            );
            format!("--- {title} of namespace {namespace}\n{text}")
        })
        .join("\n")
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    let from = all.len().saturating_sub(lines);
    all.get(from..).unwrap_or_default().join("\n")
}
