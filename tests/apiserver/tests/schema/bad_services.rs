use anyhow::Result;
use serde_json::{Value, json};

use super::{assert_refused, service, smoke, with};

fn many(count: usize, item: impl Fn(usize) -> Value) -> Value {
    (0..count).map(item).collect()
}

#[tokio::test]
async fn lists_are_bounded() -> Result<()> {
    let literal = |n: usize| json!({"name": format!("V{n}"), "value": "1"});
    let config: serde_json::Map<String, Value> =
        (0..129).map(|n| (format!("K{n}"), json!("1"))).collect();
    assert_refused(vec![
        (
            "smoke",
            service("smoke", many(17, |_| json!({"path": "/"}))),
            "smoke: Too many: 17: must have at most 16 items",
        ),
        (
            "args",
            service("args", many(65, |n| json!(n.to_string()))),
            "args: Too many: 65: must have at most 64 items",
        ),
        (
            "command",
            service("command", many(33, |n| json!(n.to_string()))),
            "command: Too many: 33: must have at most 32 items",
        ),
        (
            "env",
            service("env", many(65, literal)),
            "env: Too many: 65: must have at most 64 items",
        ),
        (
            "secrets",
            service("secrets", many(17, |n| json!(format!("s{n}")))),
            "secrets: Too many: 17: must have at most 16 items",
        ),
        (
            "config",
            service("config", config.into()),
            "config: Too many: 129: must have at most 128 items",
        ),
    ])
    .await
}

#[tokio::test]
async fn what_reaches_a_pod_is_checked_before() -> Result<()> {
    let key = json!({"name": "db", "key": "password"});
    let resources = |requests: Value, limits: Value| {
        service("resources", json!({"requests": requests, "limits": limits}))
    };
    assert_refused(vec![
        (
            "value and secretKeyRef",
            service(
                "env",
                json!([{"name": "A", "value": "1", "secretKeyRef": key}]),
            ),
            "set exactly one of value and secretKeyRef",
        ),
        (
            "neither of them",
            service("env", json!([{"name": "A"}])),
            "set exactly one of value and secretKeyRef",
        ),
        (
            "a variable twice",
            service(
                "env",
                json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
            ),
            r#"env[1]: Duplicate value: {"name":"A"}"#,
        ),
        (
            "a variable's name",
            service("env", json!([{"name": "1A", "value": "1"}])),
            "letters, digits and underscores",
        ),
        (
            "a config key",
            service("config", json!({"LOG LEVEL": "info"})),
            "a key of config is a variable's name",
        ),
        (
            "a Secret's name",
            service("secrets", json!(["My Secret"])),
            "secrets[0] in body should match",
        ),
        (
            "a quantity in words",
            resources(json!({"cpu": "lots"}), json!({})),
            "must be a quantity such as 500m, 2, 64Mi or 1Gi",
        ),
        (
            "a quantity with a space",
            resources(json!({}), json!({"memory": "1 Gi"})),
            "must be a quantity such as 500m, 2, 64Mi or 1Gi",
        ),
        (
            "a request over its limit",
            resources(json!({"memory": "1Gi"}), json!({"memory": "512Mi"})),
            "a request must not be larger than the limit",
        ),
        (
            "no time to end",
            service("terminationGracePeriodSeconds", json!(5)),
            "should be greater than or equal to 6",
        ),
        (
            "a readiness path",
            service("readiness", json!("readyz")),
            "readiness in body should match '^/'",
        ),
    ])
    .await
}

#[tokio::test]
async fn where_pods_run_is_checked_before() -> Result<()> {
    let volume = |volume: Value| service("volumes", json!([volume]));
    assert_refused(vec![
        (
            "a label of ours",
            service("podLabels", json!({"changeover.dev/colour": "green"})),
            "those are set by the operator",
        ),
        (
            "a label with a space",
            service("podLabels", json!({"team": "the core"})),
            "podLabels.team in body should match",
        ),
        (
            "an annotation without a name",
            service("podAnnotations", json!({"example.com/": "x"})),
            "an annotation's key is a name",
        ),
        (
            "a toleration of nothing",
            service("tolerations", json!([{"value": "x"}])),
            "a toleration names the key of a taint",
        ),
        (
            "a toleration that ends",
            service("tolerations", json!([{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 5}])),
            "tolerationSeconds goes with effect NoExecute only",
        ),
        (
            "a volume of nothing",
            volume(json!({"name": "a", "mountPath": "/a"})),
            "set exactly one of configMap, secret and emptyDir",
        ),
        (
            "a volume of two things",
            volume(json!({"name": "a", "mountPath": "/a", "configMap": {"name": "a"}, "secret": {"secretName": "a"}})),
            "set exactly one of configMap, secret and emptyDir",
        ),
        (
            "a path of the node",
            volume(json!({"name": "a", "mountPath": "/a", "hostPath": {"path": "/"}})),
            r#"unknown field "spec.services[0].volumes[0].hostPath""#,
        ),
        (
            "our own volume",
            volume(json!({"name": "tmp", "mountPath": "/a", "configMap": {"name": "a"}})),
            "the volume tmp is the operator's own",
        ),
        (
            "our own path",
            volume(json!({"name": "a", "mountPath": "/tmp", "configMap": {"name": "a"}})),
            "is not /tmp, which is there already",
        ),
        (
            "a path with a slash behind",
            volume(json!({"name": "a", "mountPath": "/tmp/", "configMap": {"name": "a"}})),
            "a mountPath does not end in a slash",
        ),
        (
            "two volumes in one place",
            service(
                "volumes",
                json!([
                    {"name": "a", "mountPath": "/a", "configMap": {"name": "a"}},
                    {"name": "b", "mountPath": "/a", "configMap": {"name": "b"}},
                ]),
            ),
            "each volume has a mountPath of its own",
        ),
        (
            "one credential twice",
            service("imagePullSecrets", json!([{"name": "a"}, {"name": "a"}])),
            r#"imagePullSecrets[1]: Duplicate value: {"name":"a"}"#,
        ),
        (
            "a way around AppArmor",
            service(
                "podAnnotations",
                json!({"container.apparmor.security.beta.kubernetes.io/service": "unconfined"}),
            ),
            "the security of a pod is the operator's to say",
        ),
        (
            "a directory without end",
            volume(json!({"name": "a", "mountPath": "/a", "emptyDir": {}})),
            "sizeLimit: Required value",
        ),
    ])
    .await
}

/// Whoever reads JSON goes so deep and no deeper: a value of hundreds of levels could be stored, and not be read again.
fn expecting(value: Value) -> Value {
    smoke(json!({"path": "/", "expect": {"json": {"$.a": value}}}))
}

#[tokio::test]
async fn probes_can_be_answered() -> Result<()> {
    assert_refused(vec![
        (
            "a path without slash",
            smoke(json!({"path": "version"})),
            "path in body should match '^/'",
        ),
        (
            "a method that changes things",
            smoke(json!({"path": "/", "method": "POST"})),
            r#"supported values: "GET", "HEAD""#,
        ),
        (
            "an impossible status",
            smoke(json!({"path": "/", "expect": {"status": 42}})),
            "status in body should be greater than or equal to 100",
        ),
        (
            "a list in a list in a list",
            expecting(json!([[[]], [[1]]])),
            "expect.json.$.a[1][0]: Too many: 1: must have at most 0 items",
        ),
        (
            "an object in an object in a list",
            expecting(json!([{"b": {"c": 1}}])),
            "expect.json.$.a[0].b: Too many: 1: must have at most 0 items",
        ),
        (
            "no attempt",
            smoke(json!({"path": "/", "attempts": 0})),
            "attempts in body should be greater than or equal to 1",
        ),
    ])
    .await
}

#[tokio::test]
async fn unknown_fields_are_told() -> Result<()> {
    assert_refused(vec![
        (
            "in a service",
            service("replica", json!(2)),
            r#"unknown field "spec.services[0].replica""#,
        ),
        (
            "in the spec",
            with("/spec/rollbackWindows", json!("1m")),
            r#"unknown field "spec.rollbackWindows""#,
        ),
        (
            "in an expectation",
            smoke(json!({"path": "/", "expect": {"code": 200}})),
            r#"unknown field "spec.services[0].smoke[0].expect.code""#,
        ),
    ])
    .await
}
