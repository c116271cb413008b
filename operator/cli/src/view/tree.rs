//! Service, colour, pod: what runs, and how it was found.

use std::collections::BTreeSet;

use changeover_crds::{
    Colour, ColourStatus, ExchangeRelease, ExchangeReleaseStatus, Phase, ResourceExt, names,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use serde::Serialize;

/// A service of the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// Blue first; only those of which something is there.
    pub colours: Vec<ServiceColour>,
}

/// A service in one colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceColour {
    /// Which.
    pub colour: Colour,
    /// What it is for.
    pub role: Role,
    /// Its version, where the colour has a role.
    pub version: Option<String>,
    /// Ready pods in the EndpointSlices, as the operator counted.
    pub ready: Option<i32>,
    /// Wanted pods.
    pub desired: Option<i32>,
    /// By name.
    pub pods: Vec<PodView>,
}

/// What a colour is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Clients use it.
    Live,
    /// Built, judged, or switched to.
    Candidate,
    /// Kept for the way back.
    Warm,
    /// Refused; kept for its logs.
    Rejected,
    /// Being removed.
    Leaving,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// `Ready`, or the word for what is wrong.
    pub state: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Of all its containers.
    pub restarts: i32,
    /// How its smoke probes ended.
    pub probed: Probed,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// How the smoke probes of a pod ended, as far as status tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Probed {
    /// Not yet, or not any more.
    No,
    /// They run, or one of them is tried again.
    Running,
    /// The verdict names the pod.
    Passed,
    /// The rejection names the pod.
    Failed,
}

/// Services in the order of the spec; behind them those that only a colour still has.
pub(super) fn services(
    release: &ExchangeRelease,
    status: &ExchangeReleaseStatus,
    pods: &[Pod],
) -> Vec<ServiceView> {
    let specified = release.spec.services.iter().map(|s| s.name.clone());
    let standing = roles(status).flat_map(|(_, role)| role.services.iter().map(|s| s.name.clone()));
    let running = pods
        .iter()
        .filter_map(|pod| Some(label(pod, names::SERVICE)?.to_owned()));
    let mut seen = BTreeSet::new();
    let all = specified.chain(standing).chain(running);
    all.filter(|name| seen.insert(name.clone()))
        .map(|name| {
            let colours = Colour::ALL.into_iter();
            let colours = colours.filter_map(|c| service_colour(&name, c, status, pods));
            ServiceView {
                colours: colours.collect(),
                name,
            }
        })
        .collect()
}

/// What the colour is for that status names as the candidate. Beside a live version that was named again, it is what
/// was left.
pub const fn candidate_role(status: &ExchangeReleaseStatus) -> Role {
    match status.phase {
        Some(Phase::Rejected | Phase::RolledBack | Phase::RollingBack | Phase::Live) => {
            Role::Rejected
        }
        _ => Role::Candidate,
    }
}

fn roles(status: &ExchangeReleaseStatus) -> impl Iterator<Item = (Role, &ColourStatus)> {
    let all = [
        (Role::Live, &status.live),
        (Role::Warm, &status.warm),
        (candidate_role(status), &status.candidate),
    ];
    all.into_iter()
        .filter_map(|(role, colour)| Some((role, colour.as_ref()?)))
}

fn service_colour(
    service: &str,
    colour: Colour,
    status: &ExchangeReleaseStatus,
    pods: &[Pod],
) -> Option<ServiceColour> {
    let role = roles(status).find(|(_, role)| role.colour == colour);
    let count = role.and_then(|(_, role)| role.services.iter().find(|s| s.name == service));
    let is_here = |pod: &&Pod| {
        label(pod, names::SERVICE) == Some(service)
            && label(pod, names::COLOUR) == Some(colour.as_str())
    };
    let mut found: Vec<PodView> = pods
        .iter()
        .filter(is_here)
        .map(|pod| pod_view(pod, role.map(|(_, role)| role), status))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if count.is_none() && found.is_empty() {
        return None;
    }
    Some(ServiceColour {
        colour,
        role: role.map_or(Role::Leaving, |(role, _)| role),
        version: role.map(|(_, role)| role.version.clone()),
        ready: count.map(|count| count.ready),
        desired: count.map(|count| count.desired),
        pods: found,
    })
}

fn label<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    pod.labels().get(name).map(String::as_str)
}

fn pod_view(pod: &Pod, role: Option<&ColourStatus>, status: &ExchangeReleaseStatus) -> PodView {
    let containers = pod
        .status
        .iter()
        .flat_map(|s| s.container_statuses.iter().flatten());
    let ready = is_ready(pod) && pod.metadata.deletion_timestamp.is_none();
    PodView {
        name: pod.name_any(),
        state: state(pod, ready),
        ready,
        restarts: containers.map(|c| c.restart_count).sum(),
        probed: probed(pod, role, status),
        created: pod.creation_timestamp().map(|t| t.0),
    }
}

fn is_ready(pod: &Pod) -> bool {
    let mut conditions = pod
        .status
        .iter()
        .flat_map(|s| s.conditions.iter().flatten());
    conditions.any(|c| c.type_ == "Ready" && c.status == "True")
}

/// The word that `kubectl get pods` would show, as far as it matters here.
fn state(pod: &Pod, ready: bool) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "Terminating".to_owned();
    }
    if ready {
        return "Ready".to_owned();
    }
    let status = pod.status.as_ref();
    let mut conditions = status.iter().flat_map(|s| s.conditions.iter().flatten());
    if conditions.any(|c| c.type_ == "PodScheduled" && c.status == "False") {
        return "Unschedulable".to_owned();
    }
    let mut containers = status
        .iter()
        .flat_map(|s| s.container_statuses.iter().flatten());
    let word = containers.find_map(container_state);
    word.unwrap_or_else(|| "NotReady".to_owned())
}

fn container_state(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    let waiting = state.waiting.as_ref().and_then(|w| w.reason.clone());
    waiting.or_else(|| state.terminated.as_ref().and_then(|t| t.reason.clone()))
}

fn probed(pod: &Pod, role: Option<&ColourStatus>, status: &ExchangeReleaseStatus) -> Probed {
    let Some(role) = role else {
        return Probed::No;
    };
    let uid = pod.uid().unwrap_or_default();
    let verdict = status
        .verdict
        .as_ref()
        .filter(|v| v.revision == role.revision);
    if verdict.is_some_and(|v| v.pods.contains(&uid)) {
        return Probed::Passed;
    }
    let is_candidate = status
        .candidate
        .as_ref()
        .is_some_and(|c| c.colour == role.colour);
    let blamed = status.rejected.as_ref().is_some_and(|rejected| {
        rejected.reason == "SmokeProbeFailed" && rejected.message.contains(&pod.name_any())
    });
    match status.phase {
        _ if is_candidate && blamed => Probed::Failed,
        Some(Phase::Verifying | Phase::Switching) if is_candidate && is_ready(pod) => {
            Probed::Running
        }
        _ => Probed::No,
    }
}
