//! What a revision is the hash of: everything that reaches a pod.

use std::collections::BTreeMap;

use changeover_crds::{
    EnvVar, ExchangeReleaseSpec, ImagePullSecret, Resources, ServiceSpec, Toleration, Volume,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What of a service reaches a pod. Defaults are left out, so that a default that is written down, and
/// fields that later versions add, change no hash. Not in it: replicas and smoke probes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reaching<'a> {
    name: &'a str,
    image: &'a str,
    port: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_port: Option<i32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    command: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    args: &'a [String],
    #[serde(skip_serializing_if = "<[EnvVar]>::is_empty")]
    env: &'a [EnvVar],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    config: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    secrets: &'a [String],
    #[serde(skip_serializing_if = "Resources::is_empty")]
    resources: &'a Resources,
    #[serde(skip_serializing_if = "Option::is_none")]
    readiness: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    liveness: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grace: Option<i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pod_labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pod_annotations: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    node_selector: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "<[Toleration]>::is_empty")]
    tolerations: &'a [Toleration],
    #[serde(skip_serializing_if = "<[Volume]>::is_empty")]
    volumes: &'a [Volume],
    #[serde(skip_serializing_if = "<[ImagePullSecret]>::is_empty")]
    image_pull_secrets: &'a [ImagePullSecret],
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_class_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account_name: Option<&'a str>,
}

impl<'a> Reaching<'a> {
    fn new(service: &'a ServiceSpec) -> Self {
        let unless = |value: &'a str, default: &str| (value != default).then_some(value);
        Self {
            name: &service.name,
            image: &service.image,
            port: service.port,
            admin_port: service.admin_port,
            command: &service.command,
            args: &service.args,
            env: &service.env,
            config: &service.config,
            secrets: &service.secrets,
            resources: &service.resources,
            readiness: unless(&service.readiness, "/readyz"),
            liveness: unless(&service.liveness, "/livez"),
            grace: (service.termination_grace_period_seconds != 45)
                .then_some(service.termination_grace_period_seconds),
            pod_labels: &service.pod_labels,
            pod_annotations: &service.pod_annotations,
            node_selector: &service.node_selector,
            tolerations: &service.tolerations,
            volumes: &service.volumes,
            image_pull_secrets: &service.image_pull_secrets,
            priority_class_name: service.priority_class_name.as_deref(),
            service_account_name: service.service_account_name.as_deref(),
        }
    }
}

/// The revision that the spec names: `v1:` and 64 hexadecimal digits.
#[must_use]
pub fn revision_of(spec: &ExchangeReleaseSpec) -> String {
    #[derive(Serialize)]
    struct Canonical<'a> {
        services: Vec<Reaching<'a>>,
        #[serde(skip_serializing_if = "str::is_empty")]
        restart: &'a str,
    }
    let mut services: Vec<_> = spec.services.iter().map(Reaching::new).collect();
    services.sort_by_key(|s| s.name);
    let mut canonical = serde_json::json!(Canonical {
        services,
        restart: &spec.restart
    });
    canonical.sort_all_objects();
    format!("v1:{}", hash(canonical.to_string().as_bytes()))
}

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hash of the smoke probes and journeys that the spec names: a verdict counts for these only.
#[must_use]
pub(crate) fn checks_of(spec: &ExchangeReleaseSpec) -> String {
    let smoke: Vec<_> = spec.services.iter().map(|s| (&s.name, &s.smoke)).collect();
    let checks = serde_json::to_vec(&(smoke, &spec.verification.journeys)).unwrap_or_default();
    hash(&checks).chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use changeover_crds::ExchangeReleaseSpec;

    use super::revision_of;

    fn spec(json: serde_json::Value) -> ExchangeReleaseSpec {
        serde_json::from_value(json).unwrap()
    }
    fn base() -> serde_json::Value {
        serde_json::json!({"version": "1", "services": [
            {"name": "user", "image": "u:1", "port": 8080},
            {"name": "trade", "image": "t:1", "port": 8080}]})
    }

    #[test]
    fn the_hash_is_stable() {
        // A change here would restart every pod of every release at the next upgrade of the operator.
        assert_eq!(
            revision_of(&spec(base())),
            "v1:a8cca235ee330dfd00da60891e7da5f55b7edc5997c8fd73e415d9266cc2749d"
        );
    }

    #[test]
    fn what_reaches_no_pod_is_not_in_it() {
        let mut other = base();
        other["version"] = "2".into();
        other["services"][0]["replicas"] = 9.into();
        other["services"][0]["readiness"] = "/readyz".into();
        other["services"][1]["smoke"] = serde_json::json!([{"path": "/version"}]);
        other["progressDeadline"] = "1h".into();
        assert_eq!(revision_of(&spec(base())), revision_of(&spec(other)));
    }

    #[test]
    fn what_reaches_a_pod_is_in_it() {
        for (field, value) in [
            ("image", serde_json::json!("u:2")),
            ("config", serde_json::json!({"A": "b"})),
            ("secrets", serde_json::json!(["s"])),
            ("args", serde_json::json!(["-v"])),
            ("terminationGracePeriodSeconds", serde_json::json!(60)),
            ("podLabels", serde_json::json!({"team": "core"})),
            ("podAnnotations", serde_json::json!({"team": "core"})),
            ("nodeSelector", serde_json::json!({"disk": "ssd"})),
            ("tolerations", serde_json::json!([{"operator": "Exists"}])),
            (
                "volumes",
                serde_json::json!([{"name": "ca", "mountPath": "/ca", "secret": {"secretName": "ca"}}]),
            ),
            (
                "imagePullSecrets",
                serde_json::json!([{"name": "registry"}]),
            ),
            ("priorityClassName", serde_json::json!("high")),
            ("serviceAccountName", serde_json::json!("user")),
        ] {
            let mut other = base();
            other["services"][0][field] = value;
            assert_ne!(
                revision_of(&spec(base())),
                revision_of(&spec(other)),
                "{field}"
            );
        }
        let mut restarted = base();
        restarted["restart"] = "1".into();
        assert_ne!(revision_of(&spec(base())), revision_of(&spec(restarted)));
    }
}
