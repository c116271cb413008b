//! A state of the world as a number: two worlds with the same number go on in the same way.
//!
//! Left out is what may differ between such worlds: versions, times that are over, words for people. A
//! time that something still waits for counts as its distance from now.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use changeover_engine::{QuestionKey, Record, Through};
use changeover_kubernetes_model::KINDS;
use jiff::Timestamp;
use serde_json::Value;

use super::world::{RELEASE, World};

/// Fields of which only counts whether they are there.
const PASSING: [&str; 17] = [
    "resourceVersion",
    "generation",
    "observedGeneration",
    "creationTimestamp",
    "deletionTimestamp",
    "lastTransitionTime",
    "phaseSince",
    "deadline",
    "warmUntil",
    "pausedSince",
    "degradedSince",
    "startedAt",
    "finishedAt",
    "endedAt",
    "endedBy",
    "at",
    "message",
];

/// Figures for people; a crash loses some.
const FIGURES: [&str; 3] = ["switchMillis", "skewMillis", "verifyMillis"];

/// Times in status that something may wait for.
const AWAITED: [&str; 5] = [
    "/phaseSince",
    "/warmUntil",
    "/pausedSince",
    "/bake/degradedSince",
    "/drain/startedAt",
];

/// A state, and what the process remembers in it.
#[derive(Clone, Debug)]
pub struct State {
    pub digest: u64,
    /// Sorted digests of what a crash would lose. Who remembers less goes on as after a crash, and a crash
    /// is tried at every point; who remembers more does not.
    pub memory: Vec<u64>,
}

/// An object without what passes.
pub fn of_object(object: &Value) -> u64 {
    let mut sum = DefaultHasher::new();
    let is_numbered = object["kind"] == "ControllerRevision";
    for (key, value) in object.as_object().into_iter().flatten() {
        // A number in the order of storing.
        if !(is_numbered && key == "revision") {
            key.hash(&mut sum);
            add(value, &mut sum);
        }
    }
    sum.finish()
}

fn add(value: &Value, sum: &mut DefaultHasher) {
    match value {
        Value::Object(map) => {
            // As with `endedBy`.
            let is_drained = map.get("type").is_some_and(|of| of == "Drained");
            for (key, value) in map.iter().filter(|(k, _)| !FIGURES.contains(&k.as_str())) {
                key.hash(sum);
                let is_passing = PASSING.contains(&key.as_str()) || (is_drained && key == "reason");
                if !is_passing {
                    add(value, sum);
                }
            }
            "".hash(sum);
        }
        Value::Array(items) => {
            items.len().hash(sum);
            items.iter().for_each(|item| add(item, sum));
        }
        Value::String(text) => text.hash(sum),
        other => other.to_string().hash(sum),
    }
}

/// How far a time is from now, in microseconds.
pub fn distance(time: Timestamp, now: Timestamp) -> i64 {
    time.as_microsecond() - now.as_microsecond()
}

impl World {
    /// Where the world is in its story.
    pub fn state(&self) -> State {
        let mut sum = DefaultHasher::new();
        self.op.hash(&mut sum);
        for kind in KINDS {
            for (name, object) in self.api.objects.of(kind).iter() {
                (kind, name, object.digest(of_object)).hash(&mut sum);
            }
        }
        self.add_awaited(&mut sum);
        let pods = self
            .api
            .list("Pod")
            .filter_map(|p| p["metadata"]["uid"].as_str());
        let pods: BTreeSet<&str> = pods.collect();
        self.api.add_to(&mut sum);
        self.api.counts.hash(&mut sum);
        self.cluster.add_to(&pods, &mut sum);
        self.api.checker.add_to(&pods, self.clock, &mut sum);
        for (uid, contact) in &self.contacts {
            (uid, contact.since(self.clock)).hash(&mut sum);
        }
        for question in &self.shell.pending {
            format!("{:?} {}", question.key, question.attempt).hash(&mut sum);
        }
        (&self.answers, &self.bad_journeys, &self.roles).hash(&mut sum);
        (&self.api.denied, &self.api.kept, &self.api.images).hash(&mut sum);
        self.api.is_terminating.hash(&mut sum);
        (self.silent, self.deaf, self.clinging).hash(&mut sum);
        State {
            digest: sum.finish(),
            memory: self.memory(&pods),
        }
    }

    fn add_awaited(&self, sum: &mut DefaultHasher) {
        let status = &self.raw("ExchangeRelease", RELEASE)["status"];
        let is_drained = !status["drain"]["endedAt"].is_null();
        for path in AWAITED {
            let time = status.pointer(path).and_then(Value::as_str);
            let time = time.filter(|_| path != "/drain/startedAt" || !is_drained);
            let time = time.map(|t| distance(t.parse().unwrap(), self.clock));
            time.hash(sum);
        }
    }

    fn memory(&self, pods: &BTreeSet<&str>) -> Vec<u64> {
        let status = &self.raw("ExchangeRelease", RELEASE)["status"];
        let epoch = status["switch"]["epoch"].as_i64().unwrap_or(0);
        let since = status["phaseSince"].as_str();
        let since = since.map_or(Timestamp::MIN, |t| t.parse().unwrap());
        let mut memory = Vec::new();
        for (key, record) in &self.shell.answers {
            let is_of_use = match key {
                QuestionKey::Smoke { pod, .. } => pods.contains(pod.as_str()),
                QuestionKey::Drain { pod, epoch: of } => {
                    pods.contains(pod.as_str())
                        && *of >= epoch
                        && status["drain"]["endedAt"].is_null()
                }
                QuestionKey::Undrain { pod, epoch: of }
                | QuestionKey::Role { pod, epoch: of, .. } => {
                    pods.contains(pod.as_str()) && *of >= epoch
                }
                QuestionKey::Journey {
                    through: Through::Live(of),
                    ..
                } => *of >= epoch && record.last >= since,
                QuestionKey::Journey {
                    through: Through::Pinned { pods: of, .. },
                    ..
                } => of.iter().all(|pod| pods.contains(pod.as_str())) && record.last >= since,
            };
            if is_of_use {
                memory.push(hash(&(format!("{key:?}"), self.standing(key, record))));
            }
        }
        for (service, flips) in &self.shell.flips {
            // The first of an epoch is the switch; others are repairs, which count for a minute.
            for flip in flips.iter().filter(|flip| flip.epoch == epoch).skip(1) {
                let distance = distance(flip.at, self.clock);
                if distance > -60_000_000 {
                    memory.push(hash(&(service, flip.epoch, distance)));
                }
            }
        }
        for f in self.shell.standing(self.clock) {
            let times = [f.first, f.since, f.last].map(|time| distance(time, self.clock));
            memory.push(hash(&(&f.request, f.code, &f.message, times)));
        }
        memory.sort_unstable();
        memory
    }

    /// What counts of an answer: when it came only where it is repeated.
    fn standing(&self, key: &QuestionKey, record: &Record) -> (String, u8, Option<i64>) {
        let is_once = matches!(
            key,
            QuestionKey::Smoke { .. } | QuestionKey::Role { .. } | QuestionKey::Undrain { .. }
        );
        let is_final = is_once && record.result.is_ok();
        let when = (!is_final).then(|| distance(record.last, self.clock));
        (format!("{:?}", record.result), record.attempts, when)
    }
}

pub fn hash(what: &impl Hash) -> u64 {
    let mut sum = DefaultHasher::new();
    what.hash(&mut sum);
    sum.finish()
}
