//! The exchange that the tests release: two services of two pods.

use changeover_crds::ExchangeRelease;
use serde_json::{Value, json};

/// Name of the release in every test.
pub const NAME: &str = "exchange";
/// Its services, callee first.
pub const SERVICES: [&str; 2] = ["user", "trade"];

/// One version of the exchange; its pods answer as that version.
#[must_use]
pub fn exchange(version: &str) -> Value {
    with_tag(version, version)
}

/// The same; another leader, or an API server that starts again, comes within its deadlines, on a busy machine too.
#[must_use]
pub fn patient(version: &str) -> Value {
    let mut release = exchange(version);
    if let Some(Value::Object(spec)) = release.get_mut("spec") {
        spec.insert("progressDeadline".to_owned(), json!("2m"));
        spec.insert("switchDeadline".to_owned(), json!("2m"));
    }
    release
}

/// The same, with a bake that no test sees the end of.
#[must_use]
pub fn baking(version: &str) -> Value {
    let mut release = exchange(version);
    if let Some(bake) = release.pointer_mut("/spec/verification/bake") {
        *bake = json!("1h");
    }
    release
}

/// One version of the exchange, of images with this tag. What the tag ends in decides about its pods: `-broken` are ready
/// and answer as another version, `-unready` never become ready.
#[must_use]
pub fn with_tag(version: &str, tag: &str) -> Value {
    let service = |name: &str| {
        json!({
            "name": name,
            "image": format!("localhost/exchange-{name}:{tag}"),
            "replicas": 2,
            "port": 8080,
            "adminPort": 9090,
            "config": {"LOG_LEVEL": "info"},
            "resources": {"requests": {"cpu": "20m"}},
            // A probe waits for as long as a test holds the answer back.
            "smoke": [{"path": "/version", "expect": {"json": {"$.version": version}}, "timeout": "30s"}],
        })
    };
    json!({
        "apiVersion": "changeover.dev/v1alpha1",
        "kind": "ExchangeRelease",
        "metadata": {"name": NAME},
        "spec": {
            "version": version,
            "services": SERVICES.map(service),
            "verification": {"timeout": "60s", "bake": "0s"},
            // Nobody answers on the admin ports here.
            "drain": {"quiet": "0s", "deadline": "0s"},
            "progressDeadline": "60s",
            "switchDeadline": "30s",
            "rollbackWindow": "10m",
            "keepFailed": "10m",
        },
    })
}

/// One version of the exchange whose first service has all that pods can have beside their container. They run with
/// a PriorityClass and a ServiceAccount called [`NAME`].
#[must_use]
pub fn placed(version: &str) -> Value {
    let mut release = exchange(version);
    let placement = json!({
        "podLabels": {"team": "core"},
        "podAnnotations": {"prometheus.io/scrape": "true"},
        "nodeSelector": {"node.kubernetes.io/instance-type": "large"},
        "tolerations": [
            {"operator": "Exists"},
            {"key": "spot", "value": "true", "effect": "NoExecute", "tolerationSeconds": 60},
        ],
        "volumes": [
            {"name": "ca", "mountPath": "/etc/ca", "configMap": {"name": "ca"}},
            {"name": "key", "mountPath": "/etc/key", "secret": {"secretName": "key"}},
            {"name": "scratch", "mountPath": "/scratch", "emptyDir": {"sizeLimit": "64Mi", "medium": "Memory"}},
        ],
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": NAME,
        "serviceAccountName": NAME,
    });
    if let (Some(Value::Object(service)), Value::Object(placement)) =
        (release.pointer_mut("/spec/services/0"), placement)
    {
        service.extend(placement);
    }
    release
}

/// Whether a release's status is as asked for, beside its phase.
pub(crate) fn live_version(release: &ExchangeRelease) -> Option<&str> {
    let live = release.status.as_ref()?.live.as_ref()?;
    Some(&live.version)
}
