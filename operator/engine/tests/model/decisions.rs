//! Decisions that were asked for already. The engine is a function of what it is shown and of the time, and
//! runs that one fault has not parted yet show it the same.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use changeover_engine::{Decision, decide};
use changeover_kubernetes_model::{KINDS, Object, Store};

use super::bugs::Bug;
use super::world::World;

/// Of how many decisions one is made twice.
const DOUBTED: u64 = 128;

#[derive(Clone, Default)]
pub struct Decisions(Arc<Mutex<HashMap<u64, Arc<Decision>>>>);

impl World {
    /// What the engine decides on what it sees.
    pub fn decided(&self, release: &Arc<Object>, store: &Store) -> Arc<Decision> {
        let decisions = self.decisions.clone().filter(|_| self.bug == Bug::None);
        let Some(Decisions(decisions)) = decisions else {
            return Arc::new(self.decide(release, store));
        };
        let key = self.shown(release, store);
        let known = decisions.lock().unwrap().get(&key).cloned();
        known.unwrap_or_else(|| {
            let decision = Arc::new(self.decide(release, store));
            decisions.lock().unwrap().insert(key, decision.clone());
            decision
        })
    }

    fn decide(&self, release: &Arc<Object>, store: &Store) -> Decision {
        let mut obs = self.observe(release, store);
        if self.bug == Bug::None {
            let decision = decide(&obs, self.clock);
            // Whatever it worked out before, it would decide the same without: now and then, that is looked at.
            if self.api.version.is_multiple_of(DOUBTED) {
                obs.memo = Arc::default();
                assert_eq!(decision, decide(&obs, self.clock));
            }
            return decision;
        }
        self.bug.blind(&mut obs);
        obs.memo = Arc::default(); // what a blind one works out is not so
        let mut decision = decide(&obs, self.clock);
        self.bug.corrupt(&mut decision, &obs, self.clock);
        decision
    }

    /// Everything that is shown to the engine, as a number.
    fn shown(&self, release: &Object, store: &Store) -> u64 {
        let mut sum = DefaultHasher::new();
        (self.clock, release.exactly(), self.shell.written).hash(&mut sum);
        for kind in KINDS.iter().filter(|k| **k != "ExchangeRelease") {
            let objects = store.of(kind).values();
            objects.for_each(|o| o.exactly().hash(&mut sum));
        }
        let shell = &self.shell;
        (&shell.answers, &shell.flips, &shell.failures).hash(&mut sum);
        let asking = shell.pending.iter().map(|q| &q.key);
        asking.for_each(|key| key.hash(&mut sum));
        sum.finish()
    }
}
