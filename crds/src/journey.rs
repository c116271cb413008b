use std::collections::BTreeMap;

use kube_core::Duration;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What a client does, from end to end. Its steps run in order; the first that fails ends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct Journey {
    /// Name of the journey, unique in the release.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = ("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')", "a journey's name has lower-case letters, digits and dashes, such as sign-up-and-trade"))]
    pub name: String,
    /// What is done, in this order.
    #[schemars(length(min = 1, max = 32))]
    pub steps: Vec<JourneyStep>,
}

/// One request of a journey and what must come back. `path`, `headers` and `body` are templates
/// (minijinja): `{{ id }}` is a value that an earlier step captured, `{{ random }}` a value that is
/// fresh in every run, `{{ fresh.buyer }}` another one by any name; `{{ id | tojson }}` quotes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JourneyStep {
    /// Which service is asked, on its `port`.
    #[schemars(length(min = 1, max = 30))]
    pub service: String,
    /// GET if nothing else is said.
    #[serde(default)]
    pub method: StepMethod,
    /// Path and query. The host is always one of our own Services.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^/"))]
    pub path: String,
    /// Headers by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::headers")]
    pub headers: BTreeMap<String, String>,
    /// Body. With one, `content-type` is `application/json` unless a header says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub body: Option<String>,
    /// What must come back.
    #[serde(default)]
    pub expect: StepExpectation,
    /// Values for later steps: name to JSONPath (RFC 9535) into the answer's body, with the limits of one in `expect`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::captures")]
    pub capture: BTreeMap<String, String>,
    /// How long one request may take.
    #[serde(default = "default_step_timeout")]
    #[schemars(schema_with = "schema::deadline")]
    pub timeout: Duration,
    /// The step is repeated until it is as expected, for this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::window")]
    pub eventually: Option<Duration>,
}

fn default_step_timeout() -> Duration {
    std::time::Duration::from_secs(10).into()
}

/// Method of a journey's step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names are HTTP's")]
pub enum StepMethod {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl StepMethod {
    /// The method's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What the answer to a step must look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepExpectation {
    /// Status code.
    #[serde(default = "default_status")]
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// Headers by name, and the value each must have. Templates, as in the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::headers")]
    pub headers: BTreeMap<String, String>,
    /// JSONPath (RFC 9535) to the value it must select, as in `expect` of a smoke probe. Strings are templates, as in
    /// the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::json_expectations")]
    pub json: BTreeMap<String, serde_json::Value>,
}

impl Default for StepExpectation {
    fn default() -> Self {
        Self {
            status: default_status(),
            headers: BTreeMap::new(),
            json: BTreeMap::new(),
        }
    }
}

fn default_status() -> u16 {
    200
}
