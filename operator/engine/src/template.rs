//! Pods as they should be: the template that a stored revision holds.

use std::collections::BTreeMap;

use changeover_crds::{ServiceSpec, names};
use serde_json::{Value, json};

use crate::render::{labels, set};

/// Name of the container that the spec describes; others may be added by others.
pub(crate) const CONTAINER: &str = "service";
/// Seconds between a pod's end being decided and its SIGTERM: time for the news to reach every proxy.
const PRE_STOP_SECONDS: i64 = 5;
/// Where no volume is asked for, a program still may want a place for temporary files.
const TMP_LIMIT: &str = "64Mi";

/// The pod template of a service, without the colour's label: the colour reaches the container
/// through the downward API, so that one stored template serves both colours.
pub(crate) fn pod_template(
    release: &str,
    revision: &str,
    service: &ServiceSpec,
    all: &[ServiceSpec],
) -> Value {
    let probe_port = service.admin_port.unwrap_or(service.port);
    let mut ports = vec![json!({"name": "http", "containerPort": service.port, "protocol": "TCP"})];
    ports.extend(
        service
            .admin_port
            .map(|port| json!({"name": "admin", "containerPort": port, "protocol": "TCP"})),
    );
    let config =
        json!({"configMapRef": {"name": names::config_map(release, &service.name, revision)}});
    let secrets = service
        .secrets
        .iter()
        .map(|name| json!({"secretRef": {"name": name}}));
    let mut container = json!({
        "name": CONTAINER,
        "image": service.image,
        "ports": ports,
        "envFrom": std::iter::once(config).chain(secrets).collect::<Vec<_>>(),
        "env": environment(release, revision, service, all),
        "resources": service.resources,
        "readinessProbe": probe(&service.readiness, probe_port, 1, 3),
        "livenessProbe": probe(&service.liveness, probe_port, 10, 3),
        "startupProbe": probe(&service.liveness, probe_port, 1, 120),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
        },
        "volumeMounts": mounts(service),
    });
    for (field, words) in [("command", &service.command), ("args", &service.args)] {
        set_some(&mut container, field, asked(json!(words)));
    }
    let labels = labels(release, &service.name, Some(revision), None);
    let mut metadata = json!({"labels": with(&labels, &service.pod_labels)});
    let mut spec = json!({
        "containers": [container],
        "volumes": volumes(service),
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": service.termination_grace_period_seconds,
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels},
        }],
    });
    let annotations = asked(json!(service.pod_annotations));
    set_some(&mut metadata, "annotations", annotations);
    for (field, value) in placement(service) {
        set_some(&mut spec, field, value);
    }
    json!({"metadata": metadata, "spec": spec})
}

/// Ours go before.
fn with(ours: &BTreeMap<String, String>, theirs: &BTreeMap<String, String>) -> Value {
    let mut all = theirs.clone();
    all.extend(ours.clone());
    json!(all)
}

/// What is set of a pod only where it is asked for.
fn placement(service: &ServiceSpec) -> [(&'static str, Option<Value>); 5] {
    let name = |name: &Option<String>| asked(json!(name));
    [
        ("nodeSelector", asked(json!(service.node_selector))),
        ("tolerations", asked(json!(service.tolerations))),
        ("imagePullSecrets", asked(json!(service.image_pull_secrets))),
        ("priorityClassName", name(&service.priority_class_name)),
        ("serviceAccountName", name(&service.service_account_name)),
    ]
}

fn asked(value: Value) -> Option<Value> {
    let is_empty = value.is_null() || value == json!({}) || value == json!([]);
    (!is_empty).then_some(value)
}

fn set_some(object: &mut Value, field: &str, value: Option<Value>) {
    if let Some(value) = value {
        set(object, field, value);
    }
}

fn mounts(service: &ServiceSpec) -> Vec<Value> {
    let theirs = service.volumes.iter();
    let theirs = theirs.map(|volume| json!({"name": volume.name, "mountPath": volume.mount_path}));
    let ours = json!({"name": "tmp", "mountPath": "/tmp"});
    std::iter::once(ours).chain(theirs).collect()
}

fn volumes(service: &ServiceSpec) -> Vec<Value> {
    let theirs = service.volumes.iter().map(|volume| {
        let mut source = json!(volume);
        if let Value::Object(fields) = &mut source {
            fields.remove("mountPath");
        }
        source
    });
    let ours = json!({"name": "tmp", "emptyDir": {"sizeLimit": TMP_LIMIT}});
    std::iter::once(ours).chain(theirs).collect()
}

fn probe(path: &str, port: i32, period: i32, failures: i32) -> Value {
    json!({
        "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
        "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 2,
    })
}

/// Calls between services stay inside a colour: every `<NAME>_URL` names the pinned Service of the
/// pod's own colour. `$(VAR)` is expanded by the kubelet from variables earlier in the list.
fn environment(
    release: &str,
    revision: &str,
    service: &ServiceSpec,
    all: &[ServiceSpec],
) -> Vec<Value> {
    let colour = json!({"name": "EXCHANGE_COLOUR", "valueFrom": {"fieldRef": {
        "apiVersion": "v1", "fieldPath": format!("metadata.labels['{}']", names::COLOUR)}}});
    let mut env = vec![
        colour,
        json!({"name": "EXCHANGE_REVISION", "value": revision}),
    ];
    env.extend(all.iter().map(|callee| {
        let host = format!(
            "{}-$(EXCHANGE_COLOUR)",
            names::live_service(release, &callee.name)
        );
        json!({
            "name": names::url_variable(&callee.name),
            "value": format!("http://{host}:{}", callee.port),
        })
    }));
    env.extend(service.env.iter().map(|var| match (&var.value, &var.secret_key_ref) {
        (_, Some(key)) => json!({"name": var.name, "valueFrom": {"secretKeyRef": {"name": key.name, "key": key.key}}}),
        (value, None) => json!({"name": var.name, "value": value.clone().unwrap_or_default()}),
    }));
    env
}
