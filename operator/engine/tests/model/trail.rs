//! Which states a story is known to go on well from, so that a run which comes to one of them is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::digest::State;
use super::world::World;

/// States from which a run was played to a good end.
#[derive(Default)]
pub struct Known(Mutex<HashMap<u64, Vec<Vec<u64>>>>);

impl Known {
    fn has(&self, state: &State) -> bool {
        let known = self.0.lock().unwrap();
        let memories = known.get(&state.digest);
        memories.is_some_and(|m| m.iter().any(|m| is_part(&state.memory, m)))
    }

    /// A run that went over these states ended well.
    pub fn learn(&self, states: Vec<State>) {
        let mut known = self.0.lock().unwrap();
        for state in states {
            let memories = known.entry(state.digest).or_default();
            if !memories.iter().any(|m| is_part(&state.memory, m)) {
                memories.push(state.memory);
            }
        }
    }

    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Both are sorted.
fn is_part(part: &[u64], whole: &[u64]) -> bool {
    part.iter().all(|p| whole.binary_search(p).is_ok())
}

/// The states of a run, until it comes to a known one.
#[derive(Clone, Default)]
pub struct Trail {
    known: Vec<Arc<Known>>,
    pub states: Vec<State>,
    /// Whether it came to a known one.
    pub is_over: bool,
}

impl Trail {
    pub fn new(known: Vec<Arc<Known>>) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }
}

impl World {
    /// Whether the run has come to where others went on; notes where it is otherwise.
    pub fn is_over(&mut self) -> bool {
        // What has not struck yet makes a difference.
        let is_pending = self.fault.is_some() || self.withheld.is_some();
        if is_pending {
            return false;
        }
        let Some(mut trail) = self.trail.take() else {
            return false;
        };
        if !trail.is_over {
            let state = self.state();
            trail.is_over = trail.known.iter().any(|known| known.has(&state));
            trail.states.push(state);
        }
        let is_over = trail.is_over;
        self.trail = Some(trail);
        is_over
    }
}
