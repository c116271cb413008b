//! The invariants of the design, judged after every write on raw JSON. Nothing here is shared with
//! the engine: names of labels and rules are written down a second time on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::api::{Api, Call, Verb, name_of, uid_of};
use super::cluster::selects;
use super::reading::{Reading, label, short};

const EPOCH: &str = "changeover.dev/epoch";

#[derive(Clone, Default)]
pub struct Checker {
    pub violations: Vec<String>,
    /// How many writes were judged.
    pub judged: u64,
    /// Pods and the paths on which they answered as expected.
    probed: BTreeSet<(String, String)>,
    /// Live Services that someone else touched since the operator last wrote them.
    edited: BTreeSet<String>,
    /// Templates of Deployments by uid, as they were created.
    templates: BTreeMap<String, Arc<Value>>,
}

impl Checker {
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
        if !read.release()["metadata"]["deletionTimestamp"].is_null() {
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
        let service = label(after, "service");
        let colour = selector["changeover.dev/colour"]
            .as_str()
            .unwrap_or_default();
        let revision = selector["changeover.dev/revision"]
            .as_str()
            .unwrap_or_default();
        let status = read.status();
        let is_role =
            |role: &Value| role["colour"] == colour && short(&role["revision"]) == revision;
        let is_repair = is_role(&status["live"]) && status["phase"] != "Switching";
        let other = if colour == "blue" { "green" } else { "blue" };
        // A repair must not take clients from pods that serve them; a move must not lead to a colour
        // that cannot while the other can.
        let was_better = match before {
            _ if status["phase"] == "RollingBack" || !is_repair => read.can_serve(service, other),
            Some(before) => read.selected_serve(service, &before["spec"]["selector"]),
            None => false,
        };
        if was_better && !read.can_serve(service, colour) {
            self.violation(format!(
                "I1 routable: {name} goes to {colour}, which cannot serve; {other} can"
            ));
        }
        let journal = &status["switch"];
        let is_switch = status["phase"] == "Switching"
            && journal["to"] == colour
            && journal["finishedAt"].is_null()
            && is_role(&status["candidate"]);
        if is_switch {
            self.gate(read, service, &status["candidate"]);
        } else if !is_repair {
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
        let known: Vec<&str> = verdict["pods"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let paths = read.smoke_paths(service);
        for uid in read.ready(service, colour) {
            let is_probed = paths
                .iter()
                .all(|p| self.probed.contains(&(uid.clone(), p.clone())));
            if !known.contains(&uid.as_str()) || !is_probed {
                self.violation(format!(
                    "I4 gate: pod {uid} of {service} on {colour} was not verified"
                ));
            }
        }
    }

    /// I3 live is sacred: something was deleted.
    fn deleted(&mut self, kind: &str, object: &Value, read: Reading<'_>) {
        let name = name_of(object);
        let status = read.status();
        let service = label(object, "service");
        let is_served = |service: &str| {
            let live = status["live"]["services"].as_array();
            live.is_none_or(|s| s.iter().any(|s| s["name"] == service))
        };
        if is_live_service(object) {
            if is_served(service) {
                self.violation(format!(
                    "I3 live is sacred: live Service {name} was deleted"
                ));
            }
            return;
        }
        let labels = match kind {
            "Deployment" => &object["spec"]["selector"]["matchLabels"],
            _ => &object["metadata"]["labels"],
        };
        let selected = read
            .live_services()
            .filter(|s| is_served(label(s, "service")))
            .any(|s| kind == "Deployment" && selects(&s["spec"]["selector"], labels));
        let needed = read.needed_roles().into_iter().any(|role| {
            let colour = &labels["changeover.dev/colour"];
            labels["changeover.dev/revision"] == short(&role["revision"])
                && (colour.is_null() || *colour == role["colour"])
        });
        let used = kind == "ConfigMap"
            && read.api.list("Deployment").any(|d| {
                d["spec"]["selector"]["matchLabels"]["changeover.dev/revision"]
                    == labels["changeover.dev/revision"]
            });
        if selected || needed || used {
            self.violation(format!(
                "I3 live is sacred: {kind} {name} was deleted (selected {selected}, role {needed}, used {used})"
            ));
        }
    }

    /// I3 live is sacred, I10 bounded: a Deployment was created or changed.
    fn deployment(&mut self, before: Option<&Value>, after: &Value, read: Reading<'_>) {
        let name = name_of(after);
        let template = after["spec"]["template"].clone();
        let labels = &template["metadata"]["labels"];
        if before.is_none() {
            let strangers = read.strangers(labels);
            self.templates.insert(uid_of(after), Arc::new(template));
            if strangers > 0 {
                self.violation(format!(
                    "I10 bounded: {name} joins {strangers} pods of another revision in its colour"
                ));
            }
            return;
        }
        if self.templates.get(&uid_of(after)).map(AsRef::as_ref) != Some(&template) {
            self.violation(format!("I3 live is sacred: template of {name} was changed"));
        }
        let desired = read.spec_replicas(label(after, "service"));
        let replicas = after["spec"]["replicas"].as_i64();
        let scaled = before.is_some_and(|b| b["spec"]["replicas"].as_i64() > replicas);
        if scaled && desired.is_some_and(|d| replicas < Some(d)) {
            self.violation(format!(
                "I3 live is sacred: {name} was scaled to {replicas:?}"
            ));
        }
    }

    /// I2 together, I5 fence, I8 still: status was written.
    fn status(&mut self, before: &Value, after: &Value, read: Reading<'_>) {
        let (old, new) = (&before["status"], &after["status"]);
        let is_moving = |s: &Value| s["phase"] == "Switching" || s["phase"] == "RollingBack";
        let epoch = |s: &Value| s["switch"]["epoch"].as_i64().unwrap_or(0);
        let starts = is_moving(new) && old["phase"] != new["phase"];
        if epoch(new) < epoch(old) || starts && epoch(new) <= epoch(old) {
            self.violation(format!(
                "I5 fence: journal {} follows {}",
                epoch(new),
                epoch(old)
            ));
        }
        if is_moving(old) && !is_moving(new) && !new["live"].is_null() {
            self.together(read);
        }
        for condition in new["conditions"].as_array().into_iter().flatten() {
            let same =
                |c: &&Value| c["type"] == condition["type"] && c["status"] == condition["status"];
            let before = old["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .find(same);
            if before.is_some_and(|b| b["lastTransitionTime"] != condition["lastTransitionTime"]) {
                self.violation(format!(
                    "I8 still: transition time of {} moved",
                    condition["type"]
                ));
            }
        }
    }

    /// I2: every live Service that nobody else touched selects the live colour.
    fn together(&mut self, read: Reading<'_>) {
        let live = &read.status()["live"];
        for service in live["services"].as_array().into_iter().flatten() {
            let service = service["name"].as_str().unwrap_or_default();
            let Some(object) = read.live_service(service) else {
                continue;
            };
            let selector = &object["spec"]["selector"];
            let is_live = selector["changeover.dev/colour"] == live["colour"]
                && selector["changeover.dev/revision"] == short(&live["revision"]);
            let colour = |s: &'_ Value| {
                s["changeover.dev/colour"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            // Clients first: it is put back when the live colour serves again.
            let is_kept = !read.can_serve(service, live["colour"].as_str().unwrap_or_default())
                && read.can_serve(service, &colour(selector));
            if !is_live && !is_kept && !self.edited.contains(&name_of(object)) {
                self.violation(format!(
                    "I2 together: {} does not select {}",
                    name_of(object),
                    live["colour"]
                ));
            }
        }
    }

    /// I2 together, I9 truth, I10 bounded: nothing moves any more.
    pub fn settled(&mut self, api: &Api) {
        let read = Reading { api };
        let release = read.release();
        if release.is_null() || !release["metadata"]["deletionTimestamp"].is_null() {
            return;
        }
        self.edited.clear();
        let status = read.status();
        if status["phase"] != "RollingBack" {
            self.together(read);
        }
        let ends = ["Live", "Warm", "Rejected", "RolledBack"];
        let stalled = status["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|c| c["type"] == "Stalled" && c["status"] == "True");
        if !ends.iter().any(|end| status["phase"] == *end) && !stalled {
            self.violation(format!(
                "I10 bounded: settled in {} and not stalled",
                status["phase"]
            ));
        }
        let colour = status["live"]["colour"].as_str().unwrap_or_default();
        for service in status["live"]["services"].as_array().into_iter().flatten() {
            let name = service["name"].as_str().unwrap_or_default();
            if read.live_service(name).is_none() {
                self.violation(format!("I2 together: {name} has no live Service"));
            }
            let ready = read.ready(name, colour).len();
            if service["ready"] != ready {
                self.violation(format!("I9 truth: {service} but {ready} are ready"));
            }
        }
    }
}

fn is_live_service(object: &Value) -> bool {
    object["kind"] == "Service" && label(object, "role") == "live"
}
