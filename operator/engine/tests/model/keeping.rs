//! The checker's second part: what is deleted and changed (I3), and how a move ends (I2).

use changeover_kubernetes_model::Object;
use serde_json::Value;

use super::api::{name_of, uid_of};
use super::checker::{Checker, is_live_service};
use super::cluster::GONE;
use super::controllers::selects;
use super::reading::{Reading, label, short};

impl Checker {
    /// I3 live is sacred: something was deleted.
    pub(super) fn deleted(&mut self, kind: &str, object: &Value, read: Reading<'_>) {
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
        if kind == "Service" {
            self.nobody_calls(object, read);
        }
        let selected = read
            .live_services()
            .filter(|s| is_served(label(s, "service")))
            .any(|s| kind == "Deployment" && selects(&s["spec"]["selector"], labels));
        let needed = read
            .needed_roles()
            .into_iter()
            .any(|role| is_of(role, labels));
        let used = kind == "ConfigMap"
            && read.api.list("Deployment").any(|d| {
                d["spec"]["selector"]["matchLabels"]["changeover.dev/revision"]
                    == labels["changeover.dev/revision"]
            });
        if selected && !self.is_outrun || needed || used {
            self.violation(format!(
                "I3 live is sacred: {kind} {name} was deleted (selected {selected}, role {needed}, used {used})"
            ));
        }
    }

    /// I6 nothing lost: pods that finish what clients asked of them call each other through pinned Services.
    fn nobody_calls(&mut self, pinned: &Value, read: Reading<'_>) {
        let is_caller = |pod: &&Value| {
            let mut keys = ["colour", "revision"].iter();
            keys.all(|key| label(pod, key) == label(pinned, key)) && pod["spec"]["nodeName"] != GONE
        };
        let callers = read.api.list("Pod").filter(is_caller).count();
        if callers > 0 {
            let name = name_of(pinned);
            self.violation(format!(
                "I6 nothing lost: Service {name} was deleted while {callers} pods may call through it"
            ));
        }
    }

    /// I3 live is sacred, I10 bounded: a Deployment was created or changed.
    pub(super) fn deployment(&mut self, before: Option<&Value>, after: &Value, read: Reading<'_>) {
        let name = name_of(after);
        let template = after["spec"]["template"].clone();
        let labels = &template["metadata"]["labels"];
        if before.is_none() {
            let strangers = read.strangers(labels);
            self.templates.insert(uid_of(after), Object::new(template));
            // A POST has no precondition: what a replaced leader still makes may stand until the next pass.
            if strangers > 0 && !self.is_late {
                self.violation(format!(
                    "I10 bounded: {name} joins {strangers} pods of another revision in its colour"
                ));
            }
            return;
        }
        if self
            .templates
            .get(&uid_of(after))
            .is_none_or(|t| ***t != template)
        {
            self.violation(format!("I3 live is sacred: template of {name} was changed"));
        }
        let service = label(after, "service");
        let stored = || read.stored_replicas(service, label(after, "revision"));
        let desired = read.spec_replicas(service).or_else(stored);
        let replicas = after["spec"]["replicas"].as_i64();
        let scaled = before.is_some_and(|b| b["spec"]["replicas"].as_i64() > replicas);
        if scaled && desired.is_some_and(|d| replicas < Some(d)) && !self.is_outrun {
            self.violation(format!(
                "I3 live is sacred: {name} was scaled to {replicas:?}"
            ));
        }
    }

    /// I2 together, I5 fence, I8 still: status was written.
    pub(super) fn status(&mut self, before: &Value, after: &Value, read: Reading<'_>) {
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
        self.in_time(old, new);
        self.deadline_stays(old, new, read);
        self.verdict(old, new, read);
        if new["phase"] == "Switching" && old["phase"] != "Switching" {
            self.approval(new, read);
            self.complete(&new["candidate"], read);
        }
        if is_moving(old) && !is_moving(new) {
            self.together(read);
            let reached = read.live_services().next();
            if let Some(service) = reached.filter(|_| new["live"].is_null()) {
                let name = name_of(service);
                self.violation(format!("I2 together: {name} stands, and nothing is live"));
            }
        }
        for condition in new["conditions"].as_array().into_iter().flatten() {
            if condition["type"] == "Ready" && condition["message"] == "" {
                self.violation(format!("I9 truth: {} says nothing", new["phase"]));
            }
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

    /// I1 routable: a switch begins only with every pod that the spec asks for.
    fn complete(&mut self, candidate: &Value, read: Reading<'_>) {
        let colour = candidate["colour"].as_str().unwrap_or_default();
        for service in candidate["services"].as_array().into_iter().flatten() {
            let service = service["name"].as_str().unwrap_or_default();
            let ready = i64::try_from(read.ready(service, colour).len()).unwrap();
            let is_short = read
                .spec_replicas(service)
                .is_some_and(|wanted| ready < wanted);
            if is_short && !self.is_outrun {
                self.violation(format!(
                    "I1 routable: a switch begins with {ready} pods of {service} on {colour}"
                ));
            }
        }
    }

    /// I10 bounded: a phase ends with its deadline, whatever its pods do.
    fn in_time(&mut self, old: &Value, new: &Value) {
        let now = self.gates.now;
        let is_same = ["phase", "candidate"].iter().all(|part| {
            let of = |status: &Value| match &status[*part] {
                Value::Object(role) => role["revision"].clone(),
                phase => phase.clone(),
            };
            of(old) == of(new)
        });
        // A switch is never left half done.
        if !new["pausedSince"].is_null() && new["phase"] != "Switching" {
            self.gates.phase_since = None;
        } else if !is_same {
            self.gates.phase_since = Some(now);
        }
        let Some((limit, since)) = limit_of(&new["phase"]).zip(self.gates.phase_since) else {
            return;
        };
        let over = now.duration_since(since).as_secs();
        // What a person asked for is seen to first, in a write of its own.
        if over > limit && old["handled"] == new["handled"] && !self.is_outrun {
            self.violation(format!("I10 bounded: {} for {over} s", new["phase"]));
        }
    }

    /// I10 bounded: while nobody changes the spec or pauses, the end of a phase does not move.
    fn deadline_stays(&mut self, old: &Value, new: &Value, read: Reading<'_>) {
        let generation = read.release()["metadata"]["generation"].as_i64();
        let is_same_spec = self.gates.generation == generation;
        self.gates.generation = generation;
        let is_same = |at: &str| old.pointer(at) == new.pointer(at);
        let stays = ["/phase", "/candidate/revision", "/pausedFor"];
        let is_known = !old["deadline"].is_null() && !new["deadline"].is_null();
        if is_same_spec && is_known && stays.iter().all(|at| is_same(at)) && !is_same("/deadline") {
            let [before, after] = [old, new].map(|status| status["deadline"].to_string());
            self.violation(format!(
                "I10 bounded: the end of {} moved from {before} to {after}",
                new["phase"]
            ));
        }
    }

    /// I2: every live Service that nobody else touched selects the live colour.
    pub(super) fn together(&mut self, read: Reading<'_>) {
        let live = &read.status()["live"];
        for service in live["services"].as_array().into_iter().flatten() {
            let service = service["name"].as_str().unwrap_or_default();
            let Some(object) = read.live_service(service).filter(|s| read.owns(s)) else {
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
}

/// How many seconds a phase may take; none where nothing is said of that.
fn limit_of(phase: &Value) -> Option<i64> {
    match phase.as_str()? {
        "Preparing" => Some(600),
        "Verifying" => Some(120),
        "AwaitingApproval" => Some(24 * 3600),
        "Switching" => Some(30),
        _ => None,
    }
}

/// Whether these are labels of a role's child. What both colours of a revision share has no colour.
pub(super) fn is_of(role: &Value, labels: &Value) -> bool {
    let colour = &labels["changeover.dev/colour"];
    labels["changeover.dev/revision"] == short(&role["revision"])
        && (colour.is_null() || *colour == role["colour"])
}
