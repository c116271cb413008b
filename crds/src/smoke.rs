use std::collections::BTreeMap;

use kube_core::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// One request to a pod of the idle colour, on `port`, and what must come back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmokeProbe {
    /// Path and query. The host is always one of our own pods.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^/"))]
    pub path: String,
    /// GET or HEAD: a smoke probe changes nothing.
    #[serde(default)]
    pub method: HttpMethod,
    /// What must come back.
    #[serde(default)]
    pub expect: Expectation,
    /// How long one attempt may take.
    #[serde(default = "default_probe_timeout")]
    #[schemars(schema_with = "schema::deadline")]
    pub timeout: Duration,
    /// How many attempts a pod has.
    #[serde(default = "default_attempts")]
    #[schemars(range(min = 1, max = 10))]
    pub attempts: u8,
}

fn default_probe_timeout() -> Duration {
    std::time::Duration::from_secs(5).into()
}
fn default_attempts() -> u8 {
    3
}

/// Method of a smoke probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HttpMethod {
    /// GET.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// HEAD: no body, so no JSON expectations.
    #[serde(rename = "HEAD")]
    Head,
}

/// What an answer must look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// Status code.
    #[serde(default = "default_status")]
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// JSONPath (RFC 9535) to the value it must select: exactly one, in an answer of which 64 KiB are read. A path
    /// has at most 256 characters; one `..`, or filters by what is below `@`; no filter within a filter, no list in
    /// brackets, no `match()` or `search()`. In a value, arrays and objects are at most two deep.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::json_expectations")]
    pub json: BTreeMap<String, serde_json::Value>,
}

impl Default for Expectation {
    fn default() -> Self {
        Self {
            status: default_status(),
            json: BTreeMap::new(),
        }
    }
}

fn default_status() -> u16 {
    200
}

impl HttpMethod {
    /// The method's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}
