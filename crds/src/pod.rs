//! What pods have beside their container: Kubernetes' types of the same names, narrowed.

use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A taint that pods put up with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(
    validation = ("has(self.operator) && self.operator == 'Exists' ? !has(self.value) : has(self.key)", "a toleration names the key of a taint; with operator Exists it has no value"),
    validation = ("!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')", "tolerationSeconds goes with effect NoExecute only"),
)]
pub struct Toleration {
    /// Key of the taint; none with `Exists` is every taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 316))]
    pub key: Option<String>,
    /// Whether the taint's value counts.
    #[serde(default, skip_serializing_if = "TolerationOperator::is_default")]
    pub operator: TolerationOperator,
    /// Value of the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// What the taint does; none is all that it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
    /// How long a pod stays on a node that got the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub toleration_seconds: Option<i64>,
}

/// How a toleration and a taint are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// Key and value are the same.
    #[default]
    Equal,
    /// The key is the same.
    Exists,
}

impl TolerationOperator {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// They are not scheduled there.
    NoSchedule,
    /// They are scheduled elsewhere if possible.
    PreferNoSchedule,
    /// They are evicted.
    NoExecute,
}

/// Something that is mounted: exactly one of `configMap`, `secret` and `emptyDir`. A change of what is in it reaches
/// the pods without a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[x_kube(validation = ("[has(self.configMap), has(self.secret), has(self.emptyDir)].filter(is, is).size() == 1", "set exactly one of configMap, secret and emptyDir"))]
pub struct Volume {
    /// Name of the volume.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    #[x_kube(validation = ("self != 'tmp'", "the volume tmp is the operator's own, at /tmp: choose another name"))]
    pub name: String,
    /// Where it is in the container.
    #[schemars(length(min = 2, max = 1024), regex(pattern = r"^/[^:]+$"))]
    #[x_kube(validation = ("self != '/tmp' && !self.endsWith('/')", "a mountPath does not end in a slash, and is not /tmp, which is there already"))]
    pub mount_path: String,
    /// An existing ConfigMap, a file per key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapVolume>,
    /// An existing Secret, a file per key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretVolume>,
    /// An empty directory that ends with the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_dir: Option<EmptyDirVolume>,
}

/// A ConfigMap of the release's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigMapVolume {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A Secret of the release's namespace. The operator passes the reference on and reads no Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretVolume {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
}

/// Disk of the node, or memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct EmptyDirVolume {
    /// The pod is evicted if it holds more.
    #[schemars(length(max = 32))]
    #[x_kube(validation = ("self.matches('^[0-9]+(k|M|G|Ki|Mi|Gi)?$')", "must be a quantity such as 64Mi or 1Gi"))]
    pub size_limit: String,
    /// `Memory` is a file system in memory, which counts as the container's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<EmptyDirMedium>,
}

/// Where an empty directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EmptyDirMedium {
    /// In memory.
    Memory,
}

/// A Secret with the credentials of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImagePullSecret {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
