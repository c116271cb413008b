//! I4: journeys and approvals; I6: no client is sent to a pod that drains; and what pods were told of
//! their role.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::api::uid_of;
use super::checker::Checker;
use super::cluster::is_ready;
use super::digest::distance;
use super::reading::{Reading, label, short};

#[derive(Clone, Default)]
pub struct Gates {
    pub now: Timestamp,
    /// When the phase began; unknown once someone paused.
    pub phase_since: Option<Timestamp>,
    /// The generation of the spec when the status was last written.
    pub generation: Option<i64>,
    /// Paths of the smoke probes by service, as the spec named them when the verdict was written.
    pub smoke: BTreeMap<String, Vec<String>>,
    /// Names of the journeys that the spec named then.
    journeys: Vec<String>,
    /// Journeys that went well, and the short revision that they went through.
    walked: BTreeSet<(String, String)>,
    /// Revisions that a person approved.
    approved: BTreeSet<String>,
    /// Pods that ask clients to leave, and until when.
    draining: BTreeMap<String, Timestamp>,
    /// What pods know of their role: epoch, and whether live.
    told: BTreeMap<String, (i64, bool)>,
}

impl Gates {
    /// Adds to a digest what later writes are judged by.
    pub fn add_to(&self, pods: &BTreeSet<&str>, now: Timestamp, sum: &mut impl Hasher) {
        self.phase_since.map(|t| distance(t, now)).hash(sum);
        self.generation.hash(sum);
        (&self.walked, &self.approved).hash(sum);
        (&self.smoke, &self.journeys).hash(sum);
        let is_there = |pod: &String| pods.contains(pod.as_str());
        let draining = self
            .draining
            .iter()
            .filter(|(p, until)| is_there(p) && **until > now);
        draining.for_each(|(pod, until)| (pod, distance(*until, now)).hash(sum));
        let told = self.told.iter().filter(|(pod, _)| is_there(pod));
        told.for_each(|entry| entry.hash(sum));
    }
}

impl Checker {
    pub fn walked(&mut self, journey: &str, revision: &str) {
        let entry = (journey.to_owned(), revision.to_owned());
        self.gates.walked.insert(entry);
    }

    pub fn approved(&mut self, value: &str) {
        let revision = value.split('@').next().unwrap_or_default();
        self.gates.approved.insert(revision.to_owned());
    }

    pub fn draining(&mut self, pod: &str, until: Timestamp) {
        self.gates.draining.insert(pod.to_owned(), until);
    }

    pub fn undrained(&mut self, pod: &str) {
        self.gates.draining.remove(pod);
    }

    pub fn told(&mut self, pod: &str, epoch: i64, live: bool) {
        let known = self
            .gates
            .told
            .entry(pod.to_owned())
            .or_insert((epoch, live));
        if known.0 <= epoch {
            *known = (epoch, live);
        }
    }

    /// What a new verdict was about.
    pub(super) fn verdict(&mut self, old: &Value, new: &Value, read: Reading<'_>) {
        let about = |status: &Value| {
            let verdict = &status["verdict"];
            (verdict["revision"].clone(), verdict["checks"].clone())
        };
        if about(old) != about(new) {
            self.gates.smoke = read.smoke_paths();
            self.gates.journeys = read.journeys();
        }
    }

    /// I4 gate: every journey of the verdict went through this revision. A spec that is newer than a switch has
    /// its turn after it.
    pub(super) fn journeys_passed(&mut self, role: &Value) {
        for journey in self.gates.journeys.clone() {
            let entry = (journey, short(&role["revision"]).to_owned());
            if !self.gates.walked.contains(&entry) {
                let (journey, revision) = entry;
                self.violation(format!(
                    "I4 gate: journey {journey} did not go through {revision}"
                ));
            }
        }
    }

    /// I4 gate: a switch begins only with the approval that the spec asks for.
    pub(super) fn approval(&mut self, new: &Value, read: Reading<'_>) {
        let revision = new["candidate"]["revision"].as_str().unwrap_or_default();
        let manual = read.release()["spec"]["promotion"]["mode"] == "Manual";
        if manual && !self.gates.approved.contains(revision) {
            self.violation(format!("I4 gate: {revision} goes live without an approval"));
        }
    }

    /// I6 nothing lost: a pod that clients are sent to does not ask them to leave; for a second it was waited
    /// for to hear that.
    pub(super) fn not_drained(&mut self, read: Reading<'_>, service: &str, colour: &str) {
        let status = read.status();
        let moves = status["phase"] == "Switching" || status["phase"] == "RollingBack";
        let phase_since = moves.then(|| &status["phaseSince"]);
        let begins = [phase_since, Some(&status["switch"]["startedAt"])];
        let mut begins = begins.into_iter().flatten().filter_map(Value::as_str);
        let has_waited = |since: &str| {
            let waited = self.gates.now.duration_since(since.parse().unwrap());
            waited >= SignedDuration::from_secs(1)
        };
        if begins.any(has_waited) {
            return;
        }
        for uid in read.ready(service, colour) {
            let until = self.gates.draining.get(&uid);
            if until.is_some_and(|until| *until > self.gates.now) {
                self.violation(format!(
                    "I6 nothing lost: {service} goes to {uid}, which drains"
                ));
            }
        }
    }

    /// At rest every pod knows whether its colour is live.
    pub(super) fn roles(&mut self, read: Reading<'_>) {
        let status = read.status();
        if status["switch"]["finishedAt"].is_null() {
            return;
        }
        for role in [&status["live"], &status["warm"]] {
            let live = role == &status["live"];
            for pod in read.api.list("Pod").filter(|p| is_ready(p)) {
                let of_role = label(pod, "colour") == role["colour"]
                    && label(pod, "revision") == short(&role["revision"]);
                let known = self.gates.told.get(&uid_of(pod)).copied();
                let ports = pod["spec"]["containers"][0]["ports"].as_array();
                let has_admin =
                    ports.is_some_and(|ports| ports.iter().any(|p| p["name"] == "admin"));
                if of_role && has_admin && known.map(|(_, live)| live) != Some(live) {
                    self.violation(format!(
                        "I9 truth: pod {} was told {known:?}, but live is {live}",
                        uid_of(pod)
                    ));
                }
            }
        }
    }
}
