use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Colour;

/// Where the release is. Everything needed to go on after a crash stands here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct ExchangeReleaseStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The state of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// When this phase began; its deadline counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_since: Option<MicroTime>,
    /// The colour that clients use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<ColourStatus>,
    /// The colour that is being built, judged or switched to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<ColourStatus>,
    /// The colour that clients used before, kept for an instant way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<ColourStatus>,
    /// When the warm colour may be collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_until: Option<MicroTime>,
    /// The journal of the switch in progress, or the record of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<SwitchStatus>,
    /// What was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The revision that is not tried again until the spec names another, or someone asks for a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejection>,
    /// The last token of `changeover.dev/retry` that was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_retry: Option<String>,
    /// The last ten releases, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// Ready, Reconciling and Stalled as kstatus reads them; Verified and Switched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The states of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Waits for a spec that can be carried out.
    Pending,
    /// Builds the idle colour and waits until it is ready.
    Preparing,
    /// Probes every pod of the idle colour.
    Verifying,
    /// Moves the Services to the new colour.
    Switching,
    /// The new colour is live, the old one is kept for a way back.
    Warm,
    /// Settled.
    Live,
    /// Moves the Services back.
    RollingBack,
    /// Went back; the revision left behind is rejected.
    RolledBack,
    /// The candidate was refused before any client saw it.
    Rejected,
}

/// One colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ColourStatus {
    /// Which.
    pub colour: Colour,
    /// Hash of everything that reaches its pods.
    pub revision: String,
    /// What people call it.
    pub version: String,
    /// How many pods each service has ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceStatus>,
}

/// Pods of one service in one colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceStatus {
    /// Name of the service.
    pub name: String,
    /// Ready pods that are in the EndpointSlices.
    pub ready: i32,
    /// Wanted pods.
    pub desired: i32,
}

/// The journal of a switch: written before the first Service is touched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwitchStatus {
    /// Grows with every switch; writes of an older epoch are refused.
    pub epoch: i64,
    /// The colour that was live; none on a first release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Colour>,
    /// The colour that becomes live.
    pub to: Colour,
    /// When the journal was written.
    pub started_at: MicroTime,
    /// When every EndpointSlice was seen to show the new colour only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// From the journal to the last verified EndpointSlice, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch_millis: Option<i64>,
    /// Between the first and the last Service, in milliseconds. Absent if the operator was restarted in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_millis: Option<i64>,
    /// How far each Service is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceSwitch>,
}

/// How far one Service is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSwitch {
    /// Name of the service.
    pub name: String,
    /// Whether its selector names the new colour.
    pub switched: bool,
    /// Its address, given back to it should someone delete it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_ip: Option<String>,
}

/// The gate: exactly this revision and these pods passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The revision that passed.
    pub revision: String,
    /// The uids of its pods.
    pub pods: Vec<String>,
    /// When.
    pub at: MicroTime,
}

/// A revision that is not tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rejection {
    /// The revision.
    pub revision: String,
    /// What people call it.
    pub version: String,
    /// A stable word.
    pub reason: String,
    /// What happened, and where.
    pub message: String,
    /// When.
    pub at: MicroTime,
}

/// How a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// Clients use it.
    Live,
    /// It was refused before any client saw it.
    Rejected,
    /// Clients used it and went back.
    RolledBack,
    /// A newer spec took its place before the switch.
    Superseded,
}

/// One release of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The revision.
    pub revision: String,
    /// What people called it.
    pub version: String,
    /// How it ended.
    pub outcome: Outcome,
    /// When.
    pub at: MicroTime,
    /// From the journal to the last verified EndpointSlice, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch_millis: Option<i64>,
    /// Between the first and the last Service, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_millis: Option<i64>,
}
