use std::collections::BTreeMap;

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pod::{ImagePullSecret, Toleration, Volume};
use crate::schema;
use crate::smoke::SmokeProbe;

/// One service of the exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(
    validation = ("self.port == oldSelf.port", "port cannot change while clients may use it: add a service under a new name with the new port"),
    validation = ("has(self.adminPort) == has(oldSelf.adminPort) && (!has(self.adminPort) || self.adminPort == oldSelf.adminPort)", "adminPort cannot change: add a service under a new name with the new port"),
    validation = ("!has(self.adminPort) || self.adminPort != self.port", "adminPort must differ from port: clients use port, kubelet and operator use adminPort"),
)]
pub struct ServiceSpec {
    /// Name of the service: lower-case letters, digits and dashes, at most 30 characters.
    #[schemars(length(min = 1, max = 30))]
    #[x_kube(validation = ("self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')", "a service name starts with a letter, followed by lower-case letters, digits and dashes, and does not end with a dash"))]
    #[x_kube(validation = ("!self.endsWith('-blue') && !self.endsWith('-green')", "a service name must not end in -blue or -green: these endings name its two colours"))]
    pub name: String,
    /// Container image, with tag or digest.
    #[schemars(length(min = 1, max = 500))]
    #[x_kube(validation = ("self.matches('^[^[:space:]]+$')", "an image has no spaces: registry/name:tag or registry/name@sha256:digest"))]
    pub image: String,
    /// Pods per colour. Of two or more, a PodDisruptionBudget lets one at a time be evicted.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 1, max = 1000))]
    pub replicas: i32,
    /// Port that clients use.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Port of health, metrics and drain. Without it, probes use `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub admin_port: Option<i32>,
    /// Replaces the image's entrypoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 1024)))]
    pub command: Vec<String>,
    /// Arguments of the entrypoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 1024)))]
    pub args: Vec<String>,
    /// Environment variables, each a literal or a key of a Secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<EnvVar>,
    /// Environment variables that are kept in an immutable ConfigMap of this revision.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::config")]
    pub config: BTreeMap<String, String>,
    /// Existing Secrets of this namespace, given to the pods as environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(
            length(min = 1, max = 253),
            regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
        )
    )]
    pub secrets: Vec<String>,
    /// Requests and limits of the container.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
    /// Path of the readiness probe, on `adminPort`, else on `port`.
    #[serde(default = "default_readiness")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^/"))]
    pub readiness: String,
    /// Path of the liveness probe, on `adminPort`, else on `port`.
    #[serde(default = "default_liveness")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^/"))]
    pub liveness: String,
    /// Seconds a pod gets to finish what is in flight. The first five are a sleep that lets the
    /// news of its end reach every proxy.
    #[serde(default = "default_grace")]
    #[schemars(range(min = 6, max = 3600))]
    pub termination_grace_period_seconds: i64,
    /// Labels of the pods, beside those that the operator sets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::pod_labels")]
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::pod_annotations")]
    pub pod_annotations: BTreeMap<String, String>,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::node_selector")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that the pods put up with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// What is mounted, beside the operator's own `/tmp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[x_kube(validation = ("self.all(one, self.exists_one(other, other.mountPath == one.mountPath))", "each volume has a mountPath of its own"))]
    pub volumes: Vec<Volume>,
    /// Secrets of this namespace with which the kubelet pulls the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub image_pull_secrets: Vec<ImagePullSecret>,
    /// An existing PriorityClass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// An existing ServiceAccount of this namespace. Its token is not mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// Requests that every pod of the idle colour must answer as expected before clients see it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub smoke: Vec<SmokeProbe>,
}

fn default_replicas() -> i32 {
    2
}
fn default_readiness() -> String {
    "/readyz".to_owned()
}
fn default_liveness() -> String {
    "/livez".to_owned()
}
fn default_grace() -> i64 {
    45
}

/// An environment variable: exactly one of `value` and `secretKeyRef`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ("has(self.value) != has(self.secretKeyRef)", "set exactly one of value and secretKeyRef"))]
pub struct EnvVar {
    /// Name of the variable.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = ("self.matches('^[A-Za-z_][A-Za-z0-9_]*$')", "a variable's name has letters, digits and underscores, and does not start with a digit"))]
    pub name: String,
    /// A literal value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub value: Option<String>,
    /// A key of an existing Secret. The operator passes the reference on and reads no Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKey>,
}

/// A key of a Secret in the release's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretKey {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Requests and limits by resource name, as Kubernetes quantities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ("!has(self.requests) || !has(self.limits) || self.requests.all(r, !(r in self.limits) || !isQuantity(self.requests[r]) || !isQuantity(self.limits[r]) || quantity(self.requests[r]).compareTo(quantity(self.limits[r])) <= 0)", "a request must not be larger than the limit of the same resource"))]
pub struct Resources {
    /// What the scheduler reserves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::quantities")]
    pub requests: BTreeMap<String, String>,
    /// What the container may not exceed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::quantities")]
    pub limits: BTreeMap<String, String>,
}

impl Resources {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }
}
