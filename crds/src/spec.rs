use kube_core::Duration;
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ExchangeReleaseStatus, Journey, ServiceSpec, schema};

/// What the exchange should be: every service of it and the version of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
#[kube(
    group = "changeover.dev",
    version = "v1alpha1",
    kind = "ExchangeRelease",
    plural = "exchangereleases",
    shortname = "exr",
    category = "exchange",
    namespaced,
    status = "ExchangeReleaseStatus",
    derive = "PartialEq",
    doc = "ExchangeRelease releases all services of an exchange together, blue-green.",
    crates(kube = "::kube_derive", kube_core = "::kube_core"),
    attr = "x_kube(crates(kube_core = \"::kube_core\"))",
    validation = ("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')", "the release's name must start with a letter, followed by lower-case letters, digits and dashes: Services are named after it"),
    validation = ("size(self.metadata.name) <= 52", "the release's name may have at most 52 characters: it is part of every child's name"),
    validation = ("self.spec.services.all(s, size(self.metadata.name) + size(s.name) <= 56)", "release name and service name together may have at most 56 characters: choose shorter ones"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.live.version"),
    printcolumn(name = "Live", type_ = "string", json_path = ".status.live.colour"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Candidate", type_ = "string", json_path = ".status.candidate.version", priority = "1"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", priority = "1"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = "1")
)]
#[x_kube(
    validation = schema::ordered("switchDeadline", "progressDeadline"),
    validation = schema::ordered("verification.timeout", "progressDeadline"),
    validation = schema::ordered("drain.quiet", "drain.deadline"),
)]
pub struct ExchangeReleaseSpec {
    /// What people call this release. Shown everywhere; not part of the revision.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = ("self.matches('^[A-Za-z0-9][A-Za-z0-9._+-]*$')", "a version starts with a letter or digit, followed by letters, digits and . _ + -, such as 1.5.0"))]
    pub version: String,
    /// The services, callee first.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub services: Vec<ServiceSpec>,
    /// How the idle colour is judged.
    #[serde(default)]
    pub verification: Verification,
    /// Who lets a verified candidate go live.
    #[serde(default)]
    pub promotion: Promotion,
    /// How clients are moved off the old colour after a switch.
    #[serde(default)]
    pub drain: Drain,
    /// How long the idle colour may take to become ready.
    #[serde(default = "default_progress_deadline")]
    #[schemars(schema_with = "schema::deadline")]
    pub progress_deadline: Duration,
    /// How long a switch may take before it goes back.
    #[serde(default = "default_switch_deadline")]
    #[schemars(schema_with = "schema::deadline")]
    pub switch_deadline: Duration,
    /// How long the old colour stays at full size after a switch.
    #[serde(default = "default_rollback_window")]
    #[schemars(schema_with = "schema::window")]
    pub rollback_window: Duration,
    /// How long the pods of a rejected candidate stay, for their logs.
    #[serde(default = "default_keep_failed")]
    #[schemars(schema_with = "schema::window")]
    pub keep_failed: Duration,
    /// Any new token makes a new revision of the same images (after a rotated Secret, for example).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub restart: String,
}

/// How the new colour is judged: before clients see it, and for a while after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Verification {
    /// What clients do, from end to end: through the idle colour before the switch, through the live
    /// Services after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub journeys: Vec<Journey>,
    /// How long all probes and journeys before the switch may take together.
    #[serde(default = "default_verification_timeout")]
    #[schemars(schema_with = "schema::deadline")]
    pub timeout: Duration,
    /// How long the new colour is watched after the switch.
    #[serde(default = "default_bake")]
    #[schemars(schema_with = "schema::window")]
    pub bake: Duration,
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            journeys: Vec::new(),
            timeout: default_verification_timeout(),
            bake: default_bake(),
        }
    }
}

/// Who lets a verified candidate go live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Promotion {
    /// `Automatic`: the verdict is enough. `Manual`: a person approves the revision as well.
    #[serde(default)]
    pub mode: PromotionMode,
    /// How long an approval is waited for.
    #[serde(default = "default_approval_timeout")]
    #[schemars(schema_with = "schema::deadline")]
    pub approval_timeout: Duration,
}

impl Default for Promotion {
    fn default() -> Self {
        Self {
            mode: PromotionMode::default(),
            approval_timeout: default_approval_timeout(),
        }
    }
}

/// Whether a person has a say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PromotionMode {
    /// The verdict is enough.
    #[default]
    Automatic,
    /// `changeover.dev/promote` must name the revision.
    Manual,
}

/// How clients are moved off the old colour after a switch. A service without `adminPort` cannot be
/// measured: for it the whole deadline is waited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drain {
    /// A pod is quiet when no client has asked anything of it for this long.
    #[serde(default = "default_quiet")]
    #[schemars(schema_with = "schema::window")]
    pub quiet: Duration,
    /// The drain ends here even if a pod is not quiet.
    #[serde(default = "default_drain_deadline")]
    #[schemars(schema_with = "schema::window")]
    pub deadline: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            quiet: default_quiet(),
            deadline: default_drain_deadline(),
        }
    }
}

fn seconds(seconds: u64) -> Duration {
    std::time::Duration::from_secs(seconds).into()
}
fn default_verification_timeout() -> Duration {
    seconds(120)
}
fn default_bake() -> Duration {
    seconds(60)
}
fn default_approval_timeout() -> Duration {
    seconds(24 * 3600)
}
fn default_quiet() -> Duration {
    seconds(10)
}
fn default_drain_deadline() -> Duration {
    seconds(60)
}
fn default_progress_deadline() -> Duration {
    seconds(600)
}
fn default_switch_deadline() -> Duration {
    seconds(30)
}
fn default_rollback_window() -> Duration {
    seconds(1800)
}
fn default_keep_failed() -> Duration {
    seconds(600)
}
