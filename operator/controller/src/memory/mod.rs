//! What this process remembers between observations. All of it may be lost at any time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use changeover_crds::{ExchangeRelease, Phase, ResourceExt, names};
use changeover_engine::{
    Failure, Flipped, Memo, Observation, QuestionKey, Record, Through, revision_of,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Service;
use tokio::task::AbortHandle;

use crate::shelf::Watched;
pub use doubt::Doubt;
pub use read::LOOK;
use read::Read;

mod doubt;
mod read;

/// How long an answer outlives the probe or journey in the spec that it belongs to.
const KEPT: SignedDuration = SignedDuration::from_mins(10);

/// Notes on one release.
#[derive(Debug, Default)]
pub struct Notes {
    answers: BTreeMap<QuestionKey, Record>,
    asking: BTreeMap<QuestionKey, AbortHandle>,
    /// Answers wait to be looked at together.
    gathering: bool,
    flips: BTreeMap<String, Vec<Flipped>>,
    pub failures: Vec<Failure>,
    pub phase: Option<Phase>,
    /// When we last wrote the status, and the `resourceVersion` that it came to.
    pub written: Option<(Timestamp, String)>,
    /// A write of the status that may have arrived.
    pub doubt: Option<Doubt>,
    read: Read,
    memo: Arc<Memo>,
}

/// What an answer means for when the release is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing is asked any more: at once.
    Last,
    /// Others are awaited: soon, together with them.
    First,
    /// That was said already, or nobody wants to know.
    Another,
}

/// Notes by the release's uid.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<String, Notes>>);

impl Memory {
    /// Fills in what is remembered of the release that was observed.
    pub fn recall(&self, seen: &mut Observation) {
        let notes = self.lock();
        let Some(notes) = notes.get(&seen.release.uid().unwrap_or_default()) else {
            return;
        };
        seen.answers.clone_from(&notes.answers);
        seen.asking = notes.asking.keys().cloned().collect();
        seen.flips.clone_from(&notes.flips);
        seen.written = notes.written.as_ref().map(|(at, _)| *at);
        seen.failures.clone_from(&notes.failures);
        seen.memo.clone_from(&notes.memo);
    }

    /// Begins notes on a release that is looked at, unless there are some.
    pub fn begin(&self, uid: &str) {
        self.lock().entry(uid.to_owned()).or_default();
    }

    /// Whether there are notes on a release: none of one that was forgotten while a pass over it is in progress.
    pub fn has_notes(&self, uid: &str) -> bool {
        self.lock().contains_key(uid)
    }

    /// Changes the notes on a release, if there are any.
    pub fn note(&self, uid: &str, change: impl FnOnce(&mut Notes)) {
        if let Some(notes) = self.lock().get_mut(uid) {
            change(notes);
        }
    }

    /// Remembers a question and the task that asks it. Whether it was not being asked yet, and is now.
    pub fn ask(&self, uid: &str, key: &QuestionKey, start: impl FnOnce() -> AbortHandle) -> bool {
        let mut notes = self.lock();
        let Some(Notes { asking, .. }) = notes.get_mut(uid) else {
            return false;
        };
        let is_new = !asking.contains_key(key);
        if is_new {
            asking.insert(key.clone(), start());
        }
        is_new
    }

    /// Remembers how a question went, unless nobody waits for it any more.
    pub fn hear(&self, uid: &str, key: QuestionKey, record: Record) -> Heard {
        let mut notes = self.lock();
        let Some(notes) = notes.get_mut(uid) else {
            return Heard::Another;
        };
        if notes.asking.remove(&key).is_none() {
            return Heard::Another;
        }
        notes.answers.insert(key, record);
        let is_last = notes.asking.is_empty();
        let gathers = std::mem::replace(&mut notes.gathering, !is_last);
        match (is_last, gathers) {
            (true, _) => Heard::Last,
            (false, false) => Heard::First,
            (false, true) => Heard::Another,
        }
    }

    /// Ends the gathering of answers; whether it still went on.
    pub fn gathered(&self, uid: &str) -> bool {
        let mut notes = self.lock();
        let notes = notes.get_mut(uid);
        notes.is_some_and(|notes| std::mem::take(&mut notes.gathering))
    }

    /// Whether this state of a release is nothing but our own last write, which the pass that wrote it has
    /// gone on from.
    pub fn is_own(&self, release: &Watched) -> bool {
        let notes = self.lock();
        let notes = notes.get(&release.uid().unwrap_or_default());
        let written = notes.and_then(|notes| notes.written.as_ref());
        written.is_some_and(|(_, version)| release.resource_version().as_ref() == Some(version))
    }

    /// The write that was not answered, once the release shows that it arrived.
    pub fn arrived(&self, uid: &str, release: &ExchangeRelease) -> Option<Doubt> {
        let mut notes = self.lock();
        let doubt = &mut notes.get_mut(uid)?.doubt;
        let stands = doubt.as_ref()?.stands(release)?;
        doubt.take().filter(|_| stands)
    }

    /// Gives up every question, of one release or of all.
    pub fn hush(&self, uid: Option<&str>) {
        let mut notes = self.lock();
        let notes = notes
            .iter_mut()
            .filter(|(of, _)| uid.is_none_or(|uid| *of == uid));
        for (_, notes) in notes {
            notes.give_up(|_| false);
        }
    }

    /// Forgets a release that is gone.
    pub fn forget(&self, uid: &str) {
        self.hush(Some(uid));
        self.lock().remove(uid);
    }

    /// Brings the notes up to what was observed: what no decision about this release can rest on any more is
    /// forgotten, and asked no more.
    pub fn tidy(&self, seen: &Observation, now: Timestamp) {
        let mut notes = self.lock();
        let Some(notes) = notes.get_mut(&seen.release.uid().unwrap_or_default()) else {
            return;
        };
        notes.phase = seen.release.status.as_ref().and_then(|s| s.phase);
        notes.give_up(|key| is_of_use(key, seen));
        notes.answers.retain(|key, record| {
            let is_fresh = now.duration_since(record.last) < KEPT;
            is_of_use(key, seen) && (is_fresh || is_in_spec(key, seen))
        });
        notes.failures.retain(|failure| failure.stands(now));
        notes.flips.retain(|service, _| {
            let of = |s: &Service| s.labels().get(names::SERVICE) == Some(service);
            seen.services.iter().any(|s| of(s))
        });
    }

    /// How many releases are in each phase.
    pub fn phases(&self) -> BTreeMap<String, i64> {
        let mut phases = BTreeMap::new();
        for notes in self.lock().values() {
            if let Some(phase) = notes.phase {
                *phases.entry(format!("{phase:?}")).or_insert(0) += 1;
            }
        }
        phases
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Notes>> {
        // A panic while noting leaves whole entries behind: they are as good as before.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    /// Remembers that a live Service was pointed somewhere.
    pub fn flipped(&mut self, service: String, flip: Flipped) {
        flip.remember(self.flips.entry(service).or_default());
    }

    fn give_up(&mut self, is_wanted: impl Fn(&QuestionKey) -> bool) {
        self.asking.retain(|key, task| {
            let is_wanted = is_wanted(key);
            if !is_wanted {
                task.abort();
            }
            is_wanted
        });
    }
}

/// Whether the pod, the revision or the switch that a question speaks of is still there.
fn is_of_use(key: &QuestionKey, seen: &Observation) -> bool {
    let status = seen.release.status.as_ref();
    let switch = status.and_then(|s| s.switch.as_ref());
    let is_current = |epoch: i64| switch.is_none_or(|s| epoch >= s.epoch);
    let is_there = |uid: &str| {
        seen.pods
            .iter()
            .any(|p| p.metadata.uid.as_deref() == Some(uid))
    };
    match key {
        QuestionKey::Smoke { pod, .. } => is_there(pod),
        QuestionKey::Drain { pod, epoch }
        | QuestionKey::Undrain { pod, epoch }
        | QuestionKey::Role { pod, epoch, .. } => is_there(pod) && is_current(*epoch),
        QuestionKey::Journey {
            through: Through::Live(epoch),
            ..
        } => is_current(*epoch),
        QuestionKey::Journey {
            through: Through::Pinned { revision, pods },
            ..
        } => {
            let roles = status.map(|s| [&s.live, &s.candidate, &s.warm]);
            let mut roles = roles.into_iter().flatten().flatten();
            let is_named = *revision == revision_of(&seen.release.spec);
            let is_known = is_named || roles.any(|r| r.revision == *revision);
            is_known && pods.iter().all(|pod| is_there(pod))
        }
    }
}

/// Whether the spec still asks this. What it no longer asks may yet be judged by a stored revision.
fn is_in_spec(key: &QuestionKey, seen: &Observation) -> bool {
    let spec = &seen.release.spec;
    match key {
        QuestionKey::Smoke { pod, .. } => {
            let mut probes = spec.services.iter().flat_map(|s| &s.smoke);
            probes.any(|probe| QuestionKey::smoke(pod, probe) == *key)
        }
        QuestionKey::Journey { through, .. } => {
            let mut journeys = spec.verification.journeys.iter();
            journeys.any(|j| QuestionKey::journey(j, through.clone()) == *key)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests;
