//! Bugs that can be put into the operator, to see that the checker is not blind.

use std::sync::Arc;

use changeover_crds::{ColourStatus, Phase, names};
use changeover_engine::{Decision, Kind, Observation, Request, Step, Target};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::api::Call;
use super::shell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    None,
    /// Every pod counts as ready.
    EveryPodReady,
    /// Every pod counts as ready once one of its service is.
    OneReadyIsEnough,
    /// The old colour is deleted as soon as it is warm.
    OldColourDeleted,
    /// The old colour is deleted while the Services move.
    OldColourDeletedEarly,
    /// Abort is not looked at until all pods are ready.
    AbortAfterSaturation,
    /// A phase counts from the newest pod.
    DeadlineResetByChurn,
    /// The epoch of a Service is not looked at.
    EpochUnchecked,
    /// Writes carry no uid and resourceVersion.
    NoPrecondition,
    /// A release whose first Service is flipped counts as done.
    OneFlippedIsEnough,
    /// The apply of a live Service holds its selector.
    SelectorInApply,
    /// Conditions get a new transition time on each pass.
    ConditionsRebuilt,
    /// A selector that someone changed is left as it is.
    SelectorAccepted,
    /// A selector that is no longer that of the live colour counts as an approval of the other.
    SelectorApproves,
    /// Deletions name the object, but not its version.
    DeleteWithoutVersion,
    /// The journal is opened with the epoch of the last one.
    EpochKept,
    /// Nothing is probed.
    NoProbes,
    /// Clients are sent back to pods that were not told to stay.
    DrainForgotten,
}

impl Bug {
    /// What the bug makes the engine see.
    pub fn blind(self, obs: &mut Observation) {
        match self {
            Self::EveryPodReady => obs.pods.iter_mut().for_each(|pod| {
                let ready = PodCondition {
                    type_: "Ready".into(),
                    status: "True".into(),
                    ..PodCondition::default()
                };
                let pod = Arc::make_mut(pod);
                pod.status.get_or_insert_default().conditions = Some(vec![ready]);
            }),
            Self::OneReadyIsEnough => one_ready_is_enough(obs),
            Self::DrainForgotten => {
                if let Some(status) = &mut obs.release.status {
                    status.drain = status.drain.take().filter(|d| d.ended_at.is_none());
                }
            }
            Self::NoProbes => obs
                .release
                .spec
                .services
                .iter_mut()
                .for_each(|s| s.smoke.clear()),
            Self::SelectorApproves => approve_by_selector(obs),
            Self::AbortAfterSaturation if !saturated(obs) => {
                let annotations = obs.release.metadata.annotations.as_mut();
                annotations.map(|a| a.remove(names::ABORT));
            }
            Self::DeadlineResetByChurn => {
                let born = obs
                    .pods
                    .iter()
                    .filter_map(|p| p.metadata.creation_timestamp.as_ref());
                let newest = born.map(|t| t.0).max();
                let since = obs
                    .release
                    .status
                    .as_mut()
                    .and_then(|s| s.phase_since.as_mut());
                if let Some((since, newest)) = since.zip(newest) {
                    since.0 = since.0.max(newest);
                }
            }
            Self::EpochUnchecked => obs.services.iter_mut().for_each(|s| {
                let annotations = Arc::make_mut(s).metadata.annotations.as_mut();
                if let Some(epoch) = annotations.and_then(|a| a.get_mut(names::EPOCH)) {
                    "0".clone_into(epoch);
                }
            }),
            _ => return,
        }
        for endpoint in obs
            .slices
            .iter_mut()
            .flat_map(|s| Arc::make_mut(s).endpoints.iter_mut().flatten())
        {
            if matches!(self, Self::EveryPodReady | Self::OneReadyIsEnough) {
                endpoint.conditions = None;
            }
        }
    }

    /// What the bug makes of the engine's decision.
    pub fn corrupt(self, decision: &mut Decision, obs: &Observation, now: Timestamp) {
        let old = obs.release.status.clone().unwrap_or_default();
        match (self, &mut decision.step) {
            (Self::OldColourDeleted, step @ Step::Wait(_)) => {
                let requests = deletions(obs, old.warm.as_ref());
                if !requests.is_empty() {
                    *step = Step::Requests(requests);
                }
            }
            (Self::OldColourDeletedEarly, step @ Step::Requests(_)) if flips(step) => {
                *step = Step::Requests(deletions(obs, old.live.as_ref()));
            }
            (Self::SelectorInApply, Step::Requests(requests)) => {
                for request in requests {
                    if let Request::Apply { child, .. } = request
                        && child.manifest["metadata"]["labels"][names::ROLE] == "live"
                    {
                        child.manifest["spec"]["selector"] = json!({names::COLOUR: "blue"});
                    }
                }
            }
            (Self::SelectorAccepted, Step::Requests(requests)) => {
                if old.phase == Some(Phase::Warm) {
                    requests.retain(|r| !matches!(r, Request::Flip { .. }));
                }
                if requests.is_empty() {
                    decision.step = Step::Wait(None);
                }
            }
            (Self::EpochKept, Step::Status(status)) => {
                let epoch = old.switch.as_ref().map_or(1, |j| j.epoch);
                if let Some(journal) = &mut status.switch {
                    journal.epoch = epoch;
                }
            }
            (Self::ConditionsRebuilt, step) => rebuild(step, obs, now),
            _ => {}
        }
        if self == Self::OneFlippedIsEnough
            && old.phase == Some(Phase::Switching)
            && obs
                .services
                .iter()
                .any(|s| points_to(s, old.candidate.as_ref()))
        {
            let mut status = old;
            status.live = status.candidate.take();
            status.phase = Some(Phase::Live);
            decision.step = Step::Status(Box::new(status));
        }
    }

    /// What the bug makes of a request.
    pub fn call(self, request: &Request) -> Call {
        let mut call = shell::call(request);
        let forgotten: &[&str] = match (self, request) {
            (Self::NoPrecondition, _) => &["uid", "resourceVersion"],
            (Self::DeleteWithoutVersion, Request::Delete(_)) => &["resourceVersion"],
            _ => &[],
        };
        if let Some(metadata) = call.body["metadata"].as_object_mut() {
            metadata.retain(|field, _| !forgotten.contains(&field.as_str()));
        }
        call
    }
}

fn one_ready_is_enough(obs: &mut Observation) {
    let of = |pod: &Pod| {
        let labels = pod.metadata.labels.as_ref();
        labels.map(|l| [names::SERVICE, names::COLOUR].map(|key| l.get(key).cloned()))
    };
    let conditions = |pod: &Pod| pod.status.as_ref().and_then(|s| s.conditions.clone());
    let is_true = |c: &PodCondition| c.type_ == "Ready" && c.status == "True";
    let is_ready = |pod: &Pod| conditions(pod).iter().flatten().any(is_true);
    let ready: Vec<_> = obs.pods.iter().filter(|p| is_ready(p)).cloned().collect();
    for pod in &mut obs.pods {
        if let Some(other) = ready.iter().find(|other| of(other) == of(pod)) {
            let status = conditions(other);
            Arc::make_mut(pod).status.get_or_insert_default().conditions = status;
        }
    }
}

fn approve_by_selector(obs: &mut Observation) {
    let status = obs.release.status.as_ref();
    let candidate = status.and_then(|s| s.candidate.as_ref());
    let live = status.and_then(|s| s.live.as_ref());
    let mut services = obs.services.iter().filter(|s| is_live(s));
    let is_lost = services.any(|s| !points_to(s, live));
    if let Some(revision) = candidate.filter(|_| is_lost).map(|c| c.revision.clone()) {
        let annotations = obs.release.metadata.annotations.get_or_insert_default();
        annotations.insert(names::PROMOTE.to_owned(), revision);
    }
}

fn flips(step: &Step) -> bool {
    let Step::Requests(requests) = step else {
        return false;
    };
    requests.iter().any(|r| matches!(r, Request::Flip { .. }))
}

fn saturated(obs: &Observation) -> bool {
    let ready = |d: &k8s_openapi::api::apps::v1::Deployment| {
        let colour = |labels: Option<&std::collections::BTreeMap<String, String>>| {
            labels.and_then(|l| {
                Some((
                    l.get(names::COLOUR)?.clone(),
                    l.get(names::SERVICE)?.clone(),
                ))
            })
        };
        let wanted = d.spec.as_ref().and_then(|s| s.replicas).unwrap_or(0);
        let mine = obs.pods.iter().filter(|p| {
            let conditions = p.status.as_ref().and_then(|s| s.conditions.as_ref());
            let is_ready = conditions
                .into_iter()
                .flatten()
                .any(|c| c.type_ == "Ready" && c.status == "True");
            is_ready && colour(p.metadata.labels.as_ref()) == colour(d.metadata.labels.as_ref())
        });
        i32::try_from(mine.count()).unwrap() >= wanted
    };
    obs.deployments.iter().all(|d| ready(d))
}

fn rebuild(step: &mut Step, obs: &Observation, now: Timestamp) {
    if matches!(step, Step::Wait(_)) {
        *step = Step::Status(Box::new(obs.release.status.clone().unwrap_or_default()));
    }
    if let Step::Status(status) = step {
        let now = Timestamp::from_second(now.as_second()).unwrap();
        for condition in &mut status.conditions {
            condition.last_transition_time = Time(now);
        }
    }
}

fn is_live(service: &Service) -> bool {
    let labels = service.metadata.labels.as_ref();
    labels.is_some_and(|l| l.get(names::ROLE).is_some_and(|r| r == "live"))
}

fn points_to(service: &Service, role: Option<&ColourStatus>) -> bool {
    let selector = service.spec.as_ref().and_then(|s| s.selector.as_ref());
    is_live(service)
        && selector
            .and_then(|s| s.get(names::COLOUR))
            .zip(role)
            .is_some_and(|(colour, role)| colour == role.colour.as_str())
}

fn deletions(obs: &Observation, role: Option<&ColourStatus>) -> Vec<Request> {
    let doomed = obs.deployments.iter().filter(|d| {
        let labels = d.metadata.labels.as_ref();
        role.zip(labels.and_then(|l| l.get(names::COLOUR)))
            .is_some_and(|(role, colour)| colour == role.colour.as_str())
    });
    let target = |d: &k8s_openapi::api::apps::v1::Deployment| Target {
        kind: Kind::Deployment,
        name: d.metadata.name.clone().unwrap_or_default(),
        uid: d.metadata.uid.clone().unwrap_or_default(),
        resource_version: d.metadata.resource_version.clone().unwrap_or_default(),
    };
    doomed.map(|d| Request::Delete(target(d))).collect()
}
