//! What the pods answer, to probes, journeys and calls of their admin ports.

use std::collections::{BTreeMap, BTreeSet};

use changeover_engine::{
    AdminCall, AdminTarget, Answer, Ask, Clients, Finding, JourneyRun, ProbeTarget, Question,
    QuestionKey, Record, Through, judge,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::api::{name_of, uid_of};
use super::reading::label;
use super::world::{RELEASE, World};

/// A path that no service knows.
pub const TYPO: &str = "/typo";

impl World {
    /// Every question gets its answer; whether there was one.
    pub fn answer_all(&mut self) -> bool {
        let mut questions = std::mem::take(&mut self.shell.pending);
        if self.silent {
            let is_probe = |q: &mut Question| !matches!(q.ask, Ask::Admin(_));
            self.shell.pending = questions.extract_if(.., is_probe).collect();
        }
        let any = !questions.is_empty();
        for question in questions {
            let result = self.answer(&question);
            let record = Record {
                attempts: question.attempt,
                last: self.clock,
                result,
            };
            self.shell.answers.insert(question.key, record);
        }
        any
    }

    fn answer(&mut self, question: &Question) -> Result<Finding, String> {
        match &question.ask {
            Ask::Smoke(target) => self.probed(target),
            Ask::Journey(run) => {
                self.leads(&question.key, run);
                self.walked(run)
            }
            Ask::Admin(target) => self.administered(target),
        }
    }

    fn probed(&mut self, target: &ProbeTarget) -> Result<Finding, String> {
        let pod = self
            .api
            .get("Pod", &target.pod)
            .ok_or("the pod is gone".to_owned())?;
        let (uid, image) = (uid_of(pod), image_of(pod).to_owned());
        let tag = image.rsplit(':').next().unwrap_or_default();
        let version = self.answers.get(&image).map_or(tag, String::as_str);
        let answer = Answer {
            status: 200,
            body: json!({ "version": version }).to_string().into_bytes(),
        };
        judge(&target.probe.expect, &answer)?;
        self.api.checker.probed(&uid, &target.probe.path);
        Ok(Finding::Fine)
    }

    /// I4 gate: before the switch a journey goes through the pinned Services of its colour, after it as clients do.
    fn leads(&mut self, key: &QuestionKey, run: &JourneyRun) {
        let QuestionKey::Journey { through, .. } = key else {
            panic!("{key:?} asks for a journey");
        };
        let is_live = matches!(through, Through::Live(_));
        for (service, address, _) in &run.hosts {
            let is_at = |s: &&Value| s["spec"]["clusterIP"] == *address;
            // It may have been deleted since.
            let Some(found) = self.api.list("Service").find(is_at).map(name_of) else {
                continue;
            };
            if (found == format!("{RELEASE}-{service}")) != is_live {
                let violation = format!("I4 gate: a journey goes through {found}, live: {is_live}");
                self.api.checker.violation(violation);
            }
        }
    }

    /// A journey goes well if every pod behind the Services it goes through plays its part.
    fn walked(&mut self, run: &JourneyRun) -> Result<Finding, String> {
        if run.journey.steps.iter().any(|step| step.path == TYPO) {
            return Err("step 1: expected status 201, got 404".to_owned());
        }
        let mut revisions = BTreeSet::new();
        for (service, address, _) in &run.hosts {
            let mut services = self.api.list("Service");
            let object = services
                .find(|s| s["spec"]["clusterIP"] == *address)
                .ok_or("no such address".to_owned())?;
            let selector = object["spec"]["selector"].clone();
            let behind = |p: &&Value| {
                let labels = &p["metadata"]["labels"];
                super::controllers::selects(&selector, labels) && super::cluster::is_ready(p)
            };
            let images: Vec<&str> = self.api.list("Pod").filter(behind).map(image_of).collect();
            if images.is_empty() {
                return Err(format!("{service} cannot be reached"));
            }
            if images
                .iter()
                .any(|image| self.bad_journeys.contains(*image))
            {
                return Err(format!(
                    "step 1: {service} POST /: expected status 201, got 500"
                ));
            }
            let revision = selector["changeover.dev/revision"].as_str();
            revisions.insert(revision.unwrap_or_default().to_owned());
        }
        for revision in revisions {
            self.api.checker.walked(&run.journey.name, &revision);
        }
        Ok(Finding::Fine)
    }

    fn administered(&mut self, target: &AdminTarget) -> Result<Finding, String> {
        let pod = self
            .api
            .get("Pod", &target.pod)
            .ok_or("the pod is gone".to_owned())?;
        let uid = uid_of(pod);
        let kept_as = ["service", "colour"].map(|key| label(pod, key).to_owned());
        if self.deaf {
            // Who cannot be told is not waited for any longer.
            if matches!(target.call, AdminCall::Undrain { .. }) {
                self.api.checker.undrained(&uid);
            }
            return Err("no answer within 1s".to_owned());
        }
        match target.call {
            AdminCall::Drain { ttl, .. } => {
                let until = self.clock + SignedDuration::from_secs(ttl.into());
                self.api.checker.draining(&uid, until);
                Ok(Finding::Clients(self.clients(&uid)))
            }
            AdminCall::Undrain { .. } => {
                self.api.checker.undrained(&uid);
                Ok(Finding::Fine)
            }
            AdminCall::Role { epoch, live } => {
                // As the services keep it, in a database that outlives pods and releases.
                let known = self.roles.entry(kept_as).or_insert((epoch, live));
                if known.0 > epoch || known.0 == epoch && known.1 != live {
                    return Err("answered PUT /role with 409".to_owned());
                }
                *known = (epoch, live);
                self.api.checker.told(&uid, epoch, live);
                Ok(Finding::Fine)
            }
        }
    }

    /// Clients are there until the live Service points elsewhere, and while they hold on.
    fn clients(&self, uid: &str) -> Clients {
        let contact = self.contacts.get(uid).copied().unwrap_or_default();
        let (open, silent) = match contact {
            Contact::Never => (false, None),
            Contact::Now => (true, Some(0)),
            Contact::Until(end) => {
                let silent = self.clock.duration_since(end).as_secs();
                (self.clinging, Some(silent))
            }
        };
        Clients {
            in_flight: 0,
            open_connections: i64::from(open),
            last_accepted_seconds_ago: silent,
        }
    }

    /// Notes which pods clients reach, and since when no more.
    pub fn note_contacts(&mut self) {
        let services = self.api.list("Service");
        let reached: Vec<&Value> = services
            .filter(|s| s["metadata"]["labels"]["changeover.dev/role"] == "live")
            .map(|s| &s["spec"]["selector"])
            .collect();
        let mut contacts = BTreeMap::new();
        for pod in self.api.list("Pod") {
            let labels = &pod["metadata"]["labels"];
            let is_reached = reached
                .iter()
                .any(|s| super::controllers::selects(s, labels));
            let uid = uid_of(pod);
            let before = self.contacts.get(&uid).copied().unwrap_or_default();
            contacts.insert(uid, before.after(is_reached, self.clock));
        }
        self.contacts = contacts;
    }
}

/// Whether clients reach a pod.
#[derive(Clone, Copy, Debug, Default)]
pub enum Contact {
    #[default]
    Never,
    Now,
    Until(Timestamp),
}

impl Contact {
    const fn after(self, is_reached: bool, now: Timestamp) -> Self {
        match self {
            _ if is_reached => Self::Now,
            Self::Now => Self::Until(now),
            before => before,
        }
    }

    /// How long ago the last client was there; longer than `drain.quiet` of any story is for ever.
    pub fn since(self, now: Timestamp) -> Option<i64> {
        const LONG: i64 = 15_000_000;
        match self {
            Self::Never => None,
            Self::Now => Some(1),
            Self::Until(end) => Some(super::digest::distance(end, now).max(-LONG)),
        }
    }
}

fn image_of(pod: &Value) -> &str {
    pod["spec"]["containers"][0]["image"]
        .as_str()
        .unwrap_or_default()
}
