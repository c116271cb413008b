//! The invariants of the design, judged after every write on raw JSON. Nothing here is shared with
//! the engine: names of labels and rules are written down a second time on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use changeover_kubernetes_model::Object;
use jiff::Timestamp;
use serde_json::Value;

use super::api::{Api, Call, Verb, name_of};
use super::digest::of_object;
use super::gates::Gates;
use super::reading::{Reading, label, short};

const EPOCH: &str = "changeover.dev/epoch";

#[derive(Clone, Default)]
pub struct Checker {
    pub violations: Vec<String>,
    /// How many writes were judged.
    pub judged: u64,
    /// Pods and the paths on which they answered as expected.
    pub(super) probed: BTreeSet<(String, String)>,
    /// What stands in the way of a colour beside its pods: journeys, approvals, leases.
    pub(super) gates: Gates,
    /// Live Services that someone else touched since the operator last wrote them.
    pub(super) edited: BTreeSet<String>,
    /// Whether what is judged comes late, from a process that another one replaced.
    pub(super) is_late: bool,
    /// Whether something happened between what was read and what is judged. Preconditions refuse what it changed itself;
    /// what else a decision rested on is nobody's to know.
    pub(super) is_outrun: bool,
    /// Templates of Deployments by uid, as they were created.
    pub(super) templates: BTreeMap<String, Arc<Object>>,
}

impl Checker {
    /// Adds to a digest what later writes are judged by.
    pub fn add_to(&self, pods: &BTreeSet<&str>, now: Timestamp, sum: &mut impl Hasher) {
        let probed = self
            .probed
            .iter()
            .filter(|(pod, _)| pods.contains(pod.as_str()));
        probed.for_each(|entry| entry.hash(sum));
        self.edited.hash(sum);
        let templates = self.templates.iter();
        templates.for_each(|(uid, template)| (uid, template.digest(of_object)).hash(sum));
        self.gates.add_to(pods, now, sum);
    }

    pub fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    pub fn probed(&mut self, pod: &str, path: &str) {
        self.probed.insert((pod.to_owned(), path.to_owned()));
    }

    pub fn edited(&mut self, kind: &str, name: &str) {
        if kind == "Service" {
            self.edited.insert(name.to_owned());
        }
    }

    /// I5 fence and I11 least power, of the request itself.
    pub fn before(&mut self, call: &Call, api: &Api) {
        let metadata = &call.body["metadata"];
        let is_pinned = match call.verb {
            Verb::Create => true,
            Verb::Status => metadata["resourceVersion"].is_string(),
            _ => metadata["resourceVersion"].is_string() && metadata["uid"].is_string(),
        };
        if !is_pinned {
            self.violation(format!(
                "I5 fence: {:?} {} without precondition",
                call.verb, call.name
            ));
        }
        let is_live = api.get(call.kind, &call.name).is_some_and(is_live_service);
        let touches =
            !call.body["spec"]["selector"].is_null() || !metadata["annotations"][EPOCH].is_null();
        if call.verb == Verb::Apply && is_live && touches {
            self.violation(format!(
                "I5 fence: selector or epoch in an apply of {}",
                call.name
            ));
        }
        let ours = [
            "Deployment",
            "Service",
            "ConfigMap",
            "ControllerRevision",
            "PodDisruptionBudget",
        ];
        let is_allowed = if call.verb == Verb::Status {
            call.kind == "ExchangeRelease"
        } else {
            ours.contains(&call.kind)
        };
        if !is_allowed {
            self.violation(format!("I11 least power: {:?} {}", call.verb, call.kind));
        }
    }

    /// Everything else, of what the request did.
    pub fn after(&mut self, call: &Call, before: Option<&Value>, api: &Api) {
        self.judged += 1;
        let read = Reading { api };
        if !read.release()["metadata"]["deletionTimestamp"].is_null() && !self.is_outrun {
            self.violation(format!("{:?} {} during deletion", call.verb, call.name));
        }
        let after = api.get(call.kind, &call.name);
        match (call.kind, before, after) {
            ("ExchangeRelease", Some(before), Some(after)) => self.status(before, after, read),
            (_, Some(before), None) => self.deleted(call.kind, before, read),
            ("Service", _, Some(after)) if is_live_service(after) => {
                self.live_service(before, after, read);
            }
            ("Deployment", _, Some(after)) => self.deployment(before, after, read),
            _ => {}
        }
    }

    /// I1 routable, I2 together, I4 gate, I5 fence: a live Service was created or changed.
    fn live_service(&mut self, before: Option<&Value>, after: &Value, read: Reading<'_>) {
        let name = name_of(after);
        let selector = &after["spec"]["selector"];
        let epoch = |s: &Value| {
            s["metadata"]["annotations"][EPOCH]
                .as_str()
                .and_then(|e| e.parse().ok())
                .unwrap_or(0)
        };
        if selector.as_object().is_none_or(serde_json::Map::is_empty) {
            return self.violation(format!("I1 routable: {name} has no selector"));
        }
        let old_epoch: i64 = before.map_or(0, epoch);
        if epoch(after) < old_epoch {
            self.violation(format!("I5 fence: epoch of {name} fell from {old_epoch}"));
        }
        if before.is_some_and(|b| b["spec"]["selector"] == *selector) {
            return;
        }
        self.edited.remove(&name);
        let status = read.status();
        let journal = &status["switch"];
        // Between a new journal and its own flips a flip of before still finds the Service as it was. The flips
        // follow, and whatever is late after them is refused.
        let is_of_before = journal["epoch"].as_i64() > Some(old_epoch.max(epoch(after)));
        // Of a release that was deleted since; the collector has it next.
        let is_orphan = !read.owns(after);
        if self.is_late && (is_of_before || is_orphan) {
            return;
        }
        let service = label(after, "service");
        let colour = selector["changeover.dev/colour"]
            .as_str()
            .unwrap_or_default();
        let revision = selector["changeover.dev/revision"]
            .as_str()
            .unwrap_or_default();
        let is_role =
            |role: &Value| role["colour"] == colour && short(&role["revision"]) == revision;
        let is_repair = is_role(&status["live"]) && status["phase"] != "Switching";
        let other = if colour == "blue" { "green" } else { "blue" };
        // A repair must not take clients from pods that serve them; a move must not lead to a colour
        // that cannot while the other can.
        let moves = status["phase"] == "RollingBack" || !is_repair;
        let was_better = match before {
            _ if moves => read.colour_serves(other) && !read.colour_serves(colour),
            Some(before) => {
                read.selected_serve(service, &before["spec"]["selector"])
                    && !read.can_serve(service, colour)
            }
            None => false,
        };
        // What is late rests on the readiness of when it was decided.
        if was_better && !self.is_late && !self.is_outrun {
            self.violation(format!(
                "I1 routable: {name} goes to {colour}, which cannot serve; {other} can"
            ));
        }
        let is_switch = status["phase"] == "Switching"
            && journal["to"] == colour
            && journal["finishedAt"].is_null()
            && is_role(&status["candidate"]);
        // A split is joined on the new colour while the old one cannot serve.
        let is_join = status["phase"] == "RollingBack"
            && journal["to"] == colour
            && is_role(&status["candidate"]);
        if is_join && read.colour_serves(status["live"]["colour"].as_str().unwrap_or_default()) {
            self.violation(format!(
                "I1 routable: {name} stays on {colour}; {other} can serve"
            ));
        }
        self.not_drained(read, service, colour);
        if is_switch {
            self.gate(read, service, &status["candidate"]);
        } else if !is_repair && !is_join {
            self.violation(format!(
                "I2 together: {name} goes to {colour} {revision} without a journal that says so"
            ));
        }
    }

    /// I4 gate: a verdict for exactly this revision and these pods, and probes that were really made.
    fn gate(&mut self, read: Reading<'_>, service: &str, role: &Value) {
        let verdict = &read.status()["verdict"];
        let colour = role["colour"].as_str().unwrap_or_default();
        if verdict["revision"] != role["revision"] {
            self.violation(format!("I4 gate: no verdict for {service} on {colour}"));
        }
        self.journeys_passed(role);
        let known: Vec<&str> = verdict["pods"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for uid in read.ready(service, colour) {
            let asked = |path: &String| self.probed.contains(&(uid.clone(), path.clone()));
            let is_probed = |paths: Vec<String>| !paths.is_empty() && paths.iter().all(asked);
            let verified = self.gates.smoke.get(service).cloned().unwrap_or_default();
            // Once the spec moved on, the probes that were stored with the revision hold for who joins.
            let passed = verified.iter().all(asked) || is_probed(read.stored_smoke(service, role));
            if !known.contains(&uid.as_str()) || !passed {
                self.violation(format!(
                    "I4 gate: pod {uid} of {service} on {colour} was not verified"
                ));
            }
        }
    }
}

pub fn is_live_service(object: &Value) -> bool {
    object["kind"] == "Service" && label(object, "role") == "live"
}
