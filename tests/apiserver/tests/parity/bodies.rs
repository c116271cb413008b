//! What is written: of each kind a few versions, that differ as the operator's requests do.

use changeover_kubernetes_model::Verb;
use serde_json::{Value, json};

/// Kinds that the operator creates.
pub const KINDS: [&str; 5] = [
    "ConfigMap",
    "ControllerRevision",
    "Deployment",
    "PodDisruptionBudget",
    "Service",
];

/// How often each verb is drawn.
pub const WRITES: [Verb; 8] = [
    Verb::Create,
    Verb::Create,
    Verb::Apply,
    Verb::Apply,
    Verb::Apply,
    Verb::Merge,
    Verb::Merge,
    Verb::Delete,
];

pub fn count(kind: &str) -> usize {
    of(kind).len()
}

/// The bodies of one kind. The first is created in the table; the second leaves something out, the third
/// changes something, the last changes what is immutable, where anything is.
pub fn of(kind: &str) -> Vec<Value> {
    match kind {
        "ConfigMap" => vec![
            json!({"metadata": labels("one"), "data": {"a": "1", "b": "2"}, "immutable": true}),
            json!({"metadata": labels("two"), "data": {"a": "1", "b": "2"}, "immutable": true}),
            json!({"metadata": labels("one"), "data": {"a": "1", "b": "3"}, "immutable": true}),
        ],
        "ControllerRevision" => vec![
            json!({"metadata": labels("one"), "revision": 1, "data": {"a": "1"}}),
            json!({"metadata": labels("two"), "revision": 1, "data": {"a": "1"}}),
            json!({"metadata": labels("two"), "revision": 2, "data": {"a": "1"}}),
            json!({"metadata": labels("one"), "revision": 1, "data": {"a": "2"}}),
        ],
        "Deployment" => deployments(),
        "PodDisruptionBudget" => vec![
            json!({"metadata": labels("one"), "spec": {"maxUnavailable": 1, "selector": matching("one")}}),
            json!({"metadata": labels("two"), "spec": {"maxUnavailable": 1, "selector": matching("one")}}),
            json!({"metadata": labels("one"), "spec": {"maxUnavailable": 2, "selector": matching("one")}}),
        ],
        "Service" => services(),
        _ => ["Pending", "Preparing", "Verifying"]
            .map(|phase| json!({"status": {"phase": phase}}))
            .into(),
    }
}

fn deployments() -> Vec<Value> {
    let deployment = |replicas: u32, epoch: Option<&str>, containers: Value, selector: &str| {
        let mut metadata = labels("one");
        if let Some(epoch) = epoch {
            metadata["annotations"] = json!({"changeover.dev/epoch": epoch});
        }
        json!({"metadata": metadata, "spec": {
            // Its controller makes no pods, and is done when it has seen a change.
            "paused": true,
            "replicas": replicas,
            "selector": matching(selector),
            "template": {"metadata": labels(selector), "spec": {"containers": containers}},
        }})
    };
    let one = json!([{"name": "service", "image": "app:1",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]);
    let less = json!([{"name": "service", "image": "app:1", "env": [{"name": "A", "value": "1"}]}]);
    let two = json!([{"name": "service", "image": "app:2", "env": [{"name": "A", "value": "2"}]},
        {"name": "side", "image": "side:1"}]);
    vec![
        deployment(2, Some("1"), one.clone(), "one"),
        deployment(2, None, less, "one"),
        deployment(0, Some("2"), one.clone(), "one"),
        deployment(2, Some("2"), two, "one"),
        deployment(2, Some("1"), one, "two"),
    ]
}

fn services() -> Vec<Value> {
    let ports = |named: &[(&str, u16)]| -> Value {
        let port = |(name, port): &(&str, u16)| {
            json!({"name": name, "port": port,
            "targetPort": port, "protocol": "TCP"})
        };
        named.iter().map(port).collect()
    };
    let service = |epoch: &str, selector: Value, ports: Value| {
        let mut metadata = labels("one");
        metadata["annotations"] = json!({"changeover.dev/epoch": epoch});
        json!({"metadata": metadata, "spec": {"selector": selector, "ports": ports}})
    };
    let blue = json!({"app": "one", "colour": "blue"});
    let mut bare = service("1", Value::Null, ports(&[("http", 80)]));
    bare["spec"].as_object_mut().unwrap().remove("selector");
    vec![
        service("1", blue.clone(), ports(&[("http", 80)])),
        bare,
        service(
            "2",
            json!({"app": "one", "colour": "green"}),
            ports(&[("http", 80)]),
        ),
        service(
            "2",
            json!({"app": "one"}),
            ports(&[("http", 80), ("admin", 90)]),
        ),
    ]
}

fn labels(app: &str) -> Value {
    json!({"labels": {"app": app}})
}

fn matching(app: &str) -> Value {
    json!({"matchLabels": {"app": app}})
}
