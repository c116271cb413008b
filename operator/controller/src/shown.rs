//! A release as the watch shows it. Its metadata are kept of all; the whole is read where a pass waits for it.

use std::borrow::Cow;
use std::collections::HashSet;

use changeover_crds::ExchangeRelease;
use kube::api::ObjectMeta;
use kube::core::{NamespaceResourceScope, PartialObjectMetaExt};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::memory::Memory;
use crate::shelf::Watched;

/// A release of which only the metadata have been read. One that does not fit our types does not end the watch
/// of the others.
#[derive(Clone, Debug)]
pub struct Shown {
    metadata: ObjectMeta,
    text: Box<RawValue>,
}

#[derive(Deserialize)]
struct Head {
    metadata: ObjectMeta,
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(from)?;
        let Head { mut metadata } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        metadata.managed_fields = None;
        Ok(Self { metadata, text })
    }
}

impl Shown {
    /// The release, if it fits our types.
    pub fn whole(&self) -> Option<ExchangeRelease> {
        serde_json::from_str(self.text.get()).ok()
    }

    fn watched(self) -> Watched {
        self.metadata.into_response_partial()
    }
}

/// The releases that one watch shows, by uid. Of those that are deleted while it is broken off no event tells: they
/// are missing from the list that it begins anew with. Other watches share the memory, so each has its own.
#[derive(Debug, Default)]
pub struct Present {
    shown: HashSet<String>,
    /// Shown before the list that is being read, and not in it so far.
    missing: HashSet<String>,
}

impl Present {
    /// Notes what an event of the watch says; what of it is kept.
    pub fn remember(&mut self, event: Event<Shown>, memory: &Memory) -> Event<Watched> {
        match event {
            Event::Apply(shown) => {
                self.show(&shown, memory);
                Event::Apply(shown.watched())
            }
            Event::Delete(shown) => {
                let uid = shown.uid().unwrap_or_default();
                self.shown.remove(&uid);
                memory.forget(&uid);
                Event::Delete(shown.watched())
            }
            Event::Init => {
                memory.unlearn(None);
                // A list that broke off may have shown some already.
                self.missing.extend(self.shown.drain());
                Event::Init
            }
            Event::InitApply(shown) => {
                self.show(&shown, memory);
                Event::InitApply(shown.watched())
            }
            Event::InitDone => {
                for uid in self.missing.drain() {
                    memory.forget(&uid);
                }
                Event::InitDone
            }
        }
    }

    fn show(&mut self, shown: &Shown, memory: &Memory) {
        let uid = shown.uid().unwrap_or_default();
        self.missing.remove(&uid);
        self.shown.insert(uid);
        memory.show(shown);
    }
}

impl Resource for Shown {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        ExchangeRelease::kind(&())
    }
    fn group(_: &()) -> Cow<'_, str> {
        ExchangeRelease::group(&())
    }
    fn version(_: &()) -> Cow<'_, str> {
        ExchangeRelease::version(&())
    }
    fn plural(_: &()) -> Cow<'_, str> {
        ExchangeRelease::plural(&())
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use changeover_crds::Phase;
    use serde_json::json;

    use super::*;

    fn shown(uid: &str) -> Shown {
        let release = json!({"metadata": {"name": uid, "uid": uid, "resourceVersion": "1"}});
        serde_json::from_str(&release.to_string()).unwrap()
    }

    /// What a watch begins with.
    fn list(uids: &[&str]) -> Vec<Event<Shown>> {
        let listed = uids.iter().map(|uid| Event::InitApply(shown(uid)));
        [Event::Init]
            .into_iter()
            .chain(listed)
            .chain([Event::InitDone])
            .collect()
    }

    fn hear(watch: &mut Present, memory: &Memory, events: Vec<Event<Shown>>) {
        for event in events {
            watch.remember(event, memory);
        }
    }

    fn remembered(memory: &Memory) -> i64 {
        memory.phases().values().sum()
    }

    /// Two watches that have shown one and two releases, of which there are notes.
    fn watched() -> (Present, Present, Memory) {
        let memory = Memory::default();
        let (mut one, mut two) = (Present::default(), Present::default());
        hear(&mut one, &memory, list(&["a"]));
        hear(&mut two, &memory, list(&["b"]));
        hear(&mut two, &memory, vec![Event::Apply(shown("c"))]);
        for uid in ["a", "b", "c"] {
            memory.begin(uid);
            memory.note(uid, |notes| notes.phase = Some(Phase::Live));
        }
        (one, two, memory)
    }

    #[test]
    fn what_is_not_there_when_a_watch_begins_anew_is_forgotten() {
        let (mut one, mut two, memory) = watched();
        hear(&mut two, &memory, list(&["b", "c"]));
        assert_eq!(remembered(&memory), 3, "all are there");
        hear(&mut two, &memory, list(&["b"]));
        assert_eq!(remembered(&memory), 2, "c was deleted unseen");
        hear(&mut two, &memory, list(&[]));
        assert_eq!(remembered(&memory), 1, "the other watch shows its own");
        hear(&mut one, &memory, list(&[]));
        assert_eq!(remembered(&memory), 0);
    }

    #[test]
    fn a_list_that_breaks_off_says_nothing_of_who_is_missing() {
        let (_, mut two, memory) = watched();
        let begun = vec![Event::Init, Event::InitApply(shown("b"))];
        hear(&mut two, &memory, begun);
        assert_eq!(remembered(&memory), 3);
        hear(&mut two, &memory, list(&["c"]));
        assert_eq!(remembered(&memory), 2, "b was deleted after the first list");
    }

    #[test]
    fn what_is_deleted_is_forgotten_once() {
        let (_, mut two, memory) = watched();
        hear(&mut two, &memory, vec![Event::Delete(shown("c"))]);
        assert_eq!(remembered(&memory), 2);
        assert_eq!(two.shown, [String::from("b")].into());
    }
}
