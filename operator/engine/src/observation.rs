use std::collections::BTreeMap;

use changeover_crds::{ExchangeRelease, SmokeProbe};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

/// Everything that is known when a decision is asked for. The lists hold what carries the label
/// `changeover.dev/release` with this release's name.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The release, its status included.
    pub release: ExchangeRelease,
    /// Deployments of both colours.
    pub deployments: Vec<Deployment>,
    /// Live and pinned Services.
    pub services: Vec<Service>,
    /// One per service and revision.
    pub config_maps: Vec<ConfigMap>,
    /// One per Deployment.
    pub budgets: Vec<PodDisruptionBudget>,
    /// Stored revisions.
    pub revisions: Vec<ControllerRevision>,
    /// Pods of both colours.
    pub pods: Vec<Pod>,
    /// EndpointSlices of live and pinned Services (they inherit the Services' labels).
    pub slices: Vec<EndpointSlice>,
    /// What this process remembers of the probes it ran. Lost with the process: probes then run again.
    pub probes: BTreeMap<ProbeKey, ProbeRecord>,
    /// When the patch of each live Service was answered, by service name, for the epoch in the journal.
    pub flipped: BTreeMap<String, (i64, Timestamp)>,
    /// Requests of the last batches that the API server refused.
    pub failures: Vec<Failure>,
}

/// One smoke probe of one pod. A changed probe is another key, so its old result does not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProbeKey {
    /// Uid of the pod.
    pub pod: String,
    /// The probe, as JSON.
    pub probe: String,
}

impl ProbeKey {
    /// The key of a probe of the pod with this uid.
    #[must_use]
    pub fn new(pod: &str, probe: &SmokeProbe) -> Self {
        Self {
            pod: pod.to_owned(),
            probe: serde_json::to_string(probe).unwrap_or_default(),
        }
    }
}

/// How a probe has gone so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRecord {
    /// Attempts made.
    pub attempts: u8,
    /// When the last one ended.
    pub last: Timestamp,
    /// What the last one found: nothing, or why it failed.
    pub result: Result<(), String>,
}

/// A request that the API server refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was asked, for example `create Service exchange-trade`.
    pub request: String,
    /// Name of the object.
    pub name: String,
    /// HTTP status code; 0 when no answer came.
    pub code: u16,
    /// What the API server said.
    pub message: String,
    /// When this request was first refused, of all the times in a row.
    pub since: Timestamp,
    /// When it was refused last.
    pub last: Timestamp,
}

impl Failure {
    /// Carries on what `earlier` batches were refused, where this is the same refusal again.
    #[must_use]
    pub fn after(mut self, earlier: &[Self]) -> Self {
        let same = |f: &&Self| f.request == self.request && f.code == self.code;
        if let Some(first) = earlier.iter().find(same) {
            self.since = first.since;
        }
        self
    }
}
