//! What watches may show that are late: states before that of now, and changes told in another order.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::store::{Object, Store};

/// Changes that a watch may tell in another order.
pub const CHANGES: usize = 8;

/// One object was changed.
#[derive(Clone)]
struct Change {
    version: u64,
    kind: &'static str,
    name: Arc<str>,
    before: Option<Arc<Object>>,
}

/// What was before.
#[derive(Clone, Default)]
pub struct History {
    /// How many states are kept.
    keeps: usize,
    /// As it was after each change, oldest first; the last one is that of now.
    states: Arc<VecDeque<Store>>,
    /// The last changes, oldest first.
    changes: VecDeque<Change>,
}

impl History {
    /// From now on keeps so many states before that of now. With none, what is kept stays as it is: it is for who
    /// looks before anything changes.
    pub(crate) fn keep(&mut self, before: usize, now: &Store) {
        self.keeps = before.saturating_add(usize::from(before > 0));
        if self.states.is_empty() {
            self.push(now);
        }
    }

    fn push(&mut self, now: &Store) {
        if self.keeps > 0 {
            push(Arc::make_mut(&mut self.states), now.clone(), self.keeps);
        }
    }

    /// Notes a change, the version that it came to, and what is there after it.
    pub(crate) fn note(
        &mut self,
        version: u64,
        (kind, name): (&'static str, Arc<str>),
        before: Option<Arc<Object>>,
        now: &Store,
    ) {
        self.push(now);
        // A release shows what its operator wrote: that is behind as a whole, or not at all.
        if kind != "ExchangeRelease" {
            let change = Change {
                version,
                kind,
                name,
                before,
            };
            push(&mut self.changes, change, CHANGES);
        }
    }

    /// The state so many changes ago, if it is kept.
    pub fn ago(&self, age: usize) -> Option<&Store> {
        self.states.iter().rev().nth(age)
    }

    /// How many states before that of now there are.
    pub fn ages(&self) -> usize {
        self.states.len().saturating_sub(1)
    }

    /// Kind and version of the change so many before the last.
    pub fn change(&self, back: usize) -> Option<(&'static str, u64)> {
        let change = self.changes.iter().rev().nth(back)?;
        Some((change.kind, change.version))
    }

    /// What a watch shows that has told the later changes, and not yet the one so many before the last;
    /// nothing if a later one is of the same object.
    pub fn without(&self, back: usize, now: &Store) -> Option<Store> {
        let mut later = self.changes.iter().rev();
        let passed: Vec<&Change> = later.by_ref().take(back).collect();
        let Change {
            kind, name, before, ..
        } = later.next()?;
        if passed.iter().any(|c| c.kind == *kind && c.name == *name) {
            return None;
        }
        let mut store = now.clone();
        match before {
            Some(before) => store.of_mut(kind).insert(name.clone(), before.clone()),
            None => store.of_mut(kind).remove(name),
        };
        Some(store)
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    let surplus = (queue.len() + 1).saturating_sub(most);
    queue.drain(..surplus);
    queue.push_back(item);
}
