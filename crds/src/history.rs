use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

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
    /// It was refused before any client saw it; or it failed and stayed where clients are, with nothing to go back to
    /// or with its way back given up for a newer spec.
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
    #[schemars(transform = schema::with_meanings)]
    pub outcome: Outcome,
    /// When.
    pub at: MicroTime,
    /// A stable word, where it did not go live or did not stay so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who approved it, where someone had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// From the journal to the last verified EndpointSlice, in milliseconds: of the switch, or of the way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch_millis: Option<i64>,
    /// Between the first and the last Service, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_millis: Option<i64>,
}
