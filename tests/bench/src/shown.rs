//! Of each object so much as tells what is waited for. Who reads all of it takes the processors away from what is
//! measured, at the very moment: a verdict and a flip are news for the bench as well.

use std::collections::BTreeMap;

use changeover_crds::{Colour, Phase, names};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::trace::Mark;

/// An object, as a watch shows it.
pub trait Shown {
    /// Its name.
    fn name(&self) -> &str;
    /// What is true of it.
    fn marks(&self) -> Vec<Mark>;
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    deletion_timestamp: Option<IgnoredAny>,
}

#[derive(Clone, Deserialize)]
pub struct Release {
    metadata: Metadata,
    status: Option<ReleaseStatus>,
}

#[derive(Clone, Deserialize)]
struct ReleaseStatus {
    phase: Option<Phase>,
    verdict: Option<Verdict>,
}

#[derive(Clone, Deserialize)]
struct Verdict {
    revision: String,
}

#[derive(Clone, Deserialize)]
pub struct Pod {
    metadata: Metadata,
    status: Option<PodStatus>,
}

#[derive(Clone, Deserialize)]
struct PodStatus {
    conditions: Option<Vec<Condition>>,
}

#[derive(Clone, Deserialize)]
struct Condition {
    r#type: String,
    status: String,
}

#[derive(Clone, Deserialize)]
pub struct Service {
    metadata: Metadata,
    spec: Option<ServiceSpec>,
}

#[derive(Clone, Deserialize)]
struct ServiceSpec {
    selector: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Deserialize)]
pub struct Slice {
    metadata: Metadata,
    endpoints: Option<Vec<Endpoint>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    target_ref: Option<TargetRef>,
}

#[derive(Clone, Deserialize)]
struct TargetRef {
    name: Option<String>,
}

impl Shown for Release {
    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn marks(&self) -> Vec<Mark> {
        let status = self.status.as_ref();
        let phase = status.and_then(|s| s.phase).map(Mark::Phase);
        let verdict = status.and_then(|s| s.verdict.as_ref());
        let verdict = verdict.map(|verdict| Mark::Verdict(verdict.revision.clone()));
        let abort = self.metadata.annotations.get(names::ABORT);
        let abort = abort.map(|token| Mark::Abort(token.clone()));
        phase.into_iter().chain(verdict).chain(abort).collect()
    }
}

impl Shown for Pod {
    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn marks(&self) -> Vec<Mark> {
        let conditions = self.status.as_ref().and_then(|s| s.conditions.as_ref());
        let mut conditions = conditions.into_iter().flatten();
        let is_ready = conditions.any(|c| c.r#type == "Ready" && c.status == "True")
            && self.metadata.deletion_timestamp.is_none();
        let colour = self.metadata.labels.get(names::COLOUR);
        let colour = colour.and_then(|label| Colour::from_label(label));
        let mark = colour.map(|colour| Mark::Ready(colour, self.name().to_owned()));
        mark.filter(|_| is_ready).into_iter().collect()
    }
}

impl Shown for Service {
    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn marks(&self) -> Vec<Mark> {
        let Some(service) = live(&self.metadata) else {
            return Vec::new();
        };
        let selector = self.spec.as_ref().and_then(|s| s.selector.as_ref());
        let colour = selector.and_then(|s| s.get(names::COLOUR));
        let colour = colour.and_then(|label| Colour::from_label(label));
        let mark = colour.map(|colour| Mark::Points(service.to_owned(), colour));
        mark.into_iter().collect()
    }
}

impl Shown for Slice {
    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn marks(&self) -> Vec<Mark> {
        let Some(service) = live(&self.metadata) else {
            return Vec::new();
        };
        let endpoints = self.endpoints.iter().flatten();
        let targets = endpoints.filter_map(|e| e.target_ref.as_ref());
        let pods: Vec<&str> = targets.filter_map(|t| t.name.as_deref()).collect();
        let all_of = |colour: &Colour| {
            let part = format!("-{service}-{colour}-");
            !pods.is_empty() && pods.iter().all(|pod| pod.contains(&part))
        };
        let colour = Colour::ALL.into_iter().find(all_of);
        let mark = colour.map(|colour| Mark::Shows(self.name().to_owned(), colour));
        mark.into_iter().collect()
    }
}

/// The service of a live Service, or of its EndpointSlice: both carry its labels.
fn live(of: &Metadata) -> Option<&str> {
    let role = of.labels.get(names::ROLE)?;
    (role == names::ROLE_LIVE).then(|| of.labels.get(names::SERVICE).map(String::as_str))?
}
