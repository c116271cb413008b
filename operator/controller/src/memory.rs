//! What this process remembers between observations. All of it may be lost at any time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use changeover_crds::Phase;
use changeover_engine::{Failure, ProbeKey, ProbeRecord};
use jiff::Timestamp;

/// Notes on one release.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    pub probes: BTreeMap<ProbeKey, ProbeRecord>,
    pub flipped: BTreeMap<String, (i64, Timestamp)>,
    pub failures: Vec<Failure>,
    pub phase: Option<Phase>,
}

/// Notes by the release's uid.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<String, Notes>>);

impl Memory {
    /// A copy of the notes on a release.
    pub fn recall(&self, uid: &str) -> Notes {
        self.lock().get(uid).cloned().unwrap_or_default()
    }

    /// Changes the notes on a release.
    pub fn note(&self, uid: &str, change: impl FnOnce(&mut Notes)) {
        change(self.lock().entry(uid.to_owned()).or_default());
    }

    /// Forgets a release that is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
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
