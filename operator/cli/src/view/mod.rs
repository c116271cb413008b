//! What a screen shows of a release, worked out from the release, its pods and the time. No I/O.
//! Its JSON is what `-o json` prints.

mod deadline;
mod gate;
mod tree;

use changeover_crds::{ExchangeRelease, ExchangeReleaseStatus, ResourceExt, names};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde::Serialize;

pub use deadline::Deadline;
pub use gate::{Approval, Gate, Pause};
pub use tree::{PodView, Probed, Role, ServiceColour, ServiceView, candidate_role};

/// A release on one screen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Name of the release.
    pub name: String,
    /// Where it is.
    pub namespace: String,
    /// The version that the spec names.
    pub version: String,
    /// Whether the operator has seen the spec and the requests that stand there now.
    pub up_to_date: bool,
    /// What forward steps wait for.
    pub gate: Gate,
    /// What happens by itself, and when.
    pub deadline: Option<Deadline>,
    /// Services, callee first; below them their colours and pods.
    pub services: Vec<ServiceView>,
    /// Why pods are missing, where they may not be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods_hidden: Option<String>,
    /// As the operator wrote it; without a phase until it has seen the release.
    pub status: ExchangeReleaseStatus,
}

/// The pods of a release, or why they cannot be seen.
pub type Pods = Result<Vec<Pod>, String>;

impl View {
    /// Works out what there is to see.
    #[must_use]
    pub fn of(release: &ExchangeRelease, pods: &Pods, now: Timestamp) -> Self {
        let status = release.status.clone().unwrap_or_default();
        let seen = pods.as_ref().map(Vec::as_slice).unwrap_or_default();
        Self {
            name: release.name_any(),
            namespace: release.namespace().unwrap_or_default(),
            version: release.spec.version.clone(),
            up_to_date: is_up_to_date(release),
            gate: Gate::of(release, &status),
            deadline: deadline::of(&status, now),
            services: tree::services(release, &status, seen),
            pods_hidden: pods.as_ref().err().cloned(),
            status,
        }
    }
}

/// Whether the operator has seen the spec and the requests that stand there now.
#[must_use]
pub fn is_up_to_date(release: &ExchangeRelease) -> bool {
    let Some(status) = &release.status else {
        return false;
    };
    let handled = &status.handled;
    let tokens = [
        (names::PROMOTE, &handled.promote),
        (names::ABORT, &handled.abort),
        (names::ROLLBACK, &handled.rollback),
        (names::RETRY, &handled.retry),
    ];
    let asked = |name: &str| release.annotations().get(name).filter(|v| !v.is_empty());
    let all_seen = tokens
        .iter()
        .all(|(name, seen)| asked(name).is_none_or(|token| Some(token) == seen.as_ref()));
    all_seen
        && is_pause_asked(release) == status.paused_since.is_some()
        && status.observed_generation == release.metadata.generation
}

/// Whether a person wants no forward step; the operator may not have seen it yet.
#[must_use]
pub fn is_pause_asked(release: &ExchangeRelease) -> bool {
    let pause = release.annotations().get(names::PAUSE);
    pause.is_some_and(|value| value == "true")
}

/// Phase and live version in a few words.
#[must_use]
pub fn standing(status: &ExchangeReleaseStatus) -> String {
    let live = status.live.as_ref().map_or_else(
        || "nothing is live".to_owned(),
        |live| format!("{} is live on {}", live.version, live.colour),
    );
    match status.phase {
        Some(phase) => format!("{phase:?}, {live}"),
        None => "no operator has seen the release yet".to_owned(),
    }
}

/// What the operator says: what stands in the way, else what it does.
#[must_use]
pub fn message(status: &ExchangeReleaseStatus) -> &str {
    let ready = status.conditions.iter().find(|c| c.type_ == "Ready");
    ready.map_or("", |condition| &condition.message)
}
