//! What of the Kubernetes API the operator uses, over raw JSON: identity, versions, preconditions,
//! server-side apply of one manager, merge patch, the status subresource.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde_json::{Value, json};

use super::checker::Checker;
use super::merge;
use super::store::{Named, Object, Store};

/// Kind and name.
pub type Key = (&'static str, String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Create,
    Apply,
    Merge,
    Delete,
    Status,
}

/// A write as it stands on the wire. Preconditions are in `metadata` of the body, as in the real API.
#[derive(Clone, Debug)]
pub struct Call {
    pub verb: Verb,
    pub kind: &'static str,
    pub name: String,
    pub body: Value,
}

#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: u16,
    pub message: String,
}

fn refuse<T>(code: u16, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        code,
        message: message.into(),
    })
}

/// Changes that a watch may tell in another order.
pub const CHANGES: usize = 8;

/// One object was changed.
#[derive(Clone)]
pub struct Change {
    kind: &'static str,
    name: Arc<str>,
    before: Option<Arc<Object>>,
}

#[derive(Clone, Default)]
pub struct Api {
    pub objects: Store,
    /// What the operator applied last, by uid: an apply that leaves out a field of it removes the field.
    applied: BTreeMap<String, Arc<Object>>,
    /// The last changes, oldest first, as a watch tells them: what was there before each.
    pub changes: VecDeque<Change>,
    pub version: u64,
    /// How often an object of this kind and name was made: a uid is never given twice.
    made: BTreeMap<Key, u64>,
    /// How often each Service was given an address. A Service that is made anew gets another.
    addresses: BTreeMap<String, u64>,
    /// Addresses of Services that are gone, not given out again yet.
    held_addresses: BTreeSet<String>,
    /// Writes of the operator that were carried out, for people who read a failure.
    pub log: Vec<Arc<str>>,
    pub checker: Checker,
}

impl Api {
    pub fn get(&self, kind: &'static str, name: &str) -> Option<&Value> {
        self.objects.of(kind).get(name).map(|o| &***o)
    }

    pub fn list(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        self.objects.of(kind).values().map(|o| &***o)
    }

    fn phase(&self) -> String {
        let release = self.list("ExchangeRelease").next();
        release.map_or(String::new(), |r| r["status"]["phase"].to_string())
    }

    /// The same, held while the store changes.
    pub fn held(&self, kind: &'static str) -> Arc<Named> {
        self.objects.of(kind).clone()
    }

    /// A write of the operator: refused or carried out, and then judged.
    pub fn call(&mut self, call: &Call, now: &str) -> Result<(), Refusal> {
        let mut checker = std::mem::take(&mut self.checker);
        checker.gates.now = now.parse().unwrap();
        let known = checker.violations.len();
        checker.before(call, self);
        let before = self.objects.of(call.kind).get(&*call.name).cloned();
        let result = self.carry_out(call, now);
        if result.is_ok() {
            let line = format!("{now} {:?} {} {}", call.verb, call.kind, call.name);
            self.log.push(line.into());
            checker.after(call, before.as_deref().map(|o| &**o), self);
        }
        let phase = self.phase();
        let found = checker.violations.iter().skip(known);
        self.log
            .extend(found.map(|v| format!("^^^ {v} in {phase}").into()));
        self.checker = checker;
        result
    }

    fn carry_out(&mut self, call: &Call, now: &str) -> Result<(), Refusal> {
        let key = (call.kind, call.name.clone());
        let Some(before) = self.objects.of(call.kind).get(&*call.name).cloned() else {
            return match call.verb {
                Verb::Create => self.create(key, call.body.clone(), now),
                // With a uid in it, an apply cannot create.
                Verb::Apply => refuse(409, "uid mismatch: the object was deleted"),
                _ => refuse(404, "not found"),
            };
        };
        if call.verb == Verb::Create {
            return refuse(409, format!("{} {} already exists", call.kind, call.name));
        }
        for field in ["uid", "resourceVersion"] {
            let wanted = &call.body["metadata"][field];
            if !wanted.is_null() && *wanted != before["metadata"][field] {
                return refuse(
                    409,
                    format!(
                        "the object has been modified: {field} {}",
                        before["metadata"][field]
                    ),
                );
            }
        }
        let mut after = (**before).clone();
        match call.verb {
            Verb::Delete => {
                self.remove(&key);
                return Ok(());
            }
            Verb::Status => after["status"] = call.body["status"].clone(),
            Verb::Merge => merge::patch(&mut after, &call.body),
            Verb::Apply => {
                let uid = uid_of(&before);
                let last = self
                    .applied
                    .insert(uid.clone(), Object::new(call.body.clone()));
                merge::apply(&mut after, last.as_deref().map(|o| &**o), &call.body);
            }
            Verb::Create => unreachable!(),
        }
        for field in ["uid", "resourceVersion", "generation"] {
            after["metadata"][field] = before["metadata"][field].clone();
        }
        immutable(call.kind, &before, &after)?;
        self.put(key, after);
        Ok(())
    }

    /// Stores a new object.
    pub fn create(&mut self, key: Key, mut object: Value, now: &str) -> Result<(), Refusal> {
        if key.0 == "Service" {
            let asked = object["spec"]["clusterIP"].clone();
            if asked.is_null() {
                let times = self.addresses.entry(key.1.clone()).or_default();
                *times += 1;
                object["spec"]["clusterIP"] = json!(format!("{}#{times}", key.1));
            } else if asked
                .as_str()
                .is_some_and(|a| self.held_addresses.contains(a))
                || self
                    .list("Service")
                    .any(|s| s["spec"]["clusterIP"] == asked)
            {
                return refuse(
                    422,
                    "spec.clusterIP: Invalid value: provided IP is already allocated",
                );
            }
        }
        let made = self.made.entry(key.clone()).or_default();
        *made += 1;
        object["metadata"]["uid"] = format!("{} {} {made}", key.0, key.1).into();
        object["kind"] = key.0.into();
        object["metadata"]["name"] = key.1.clone().into();
        object["metadata"]["generation"] = 1.into();
        object["metadata"]["creationTimestamp"] = now.into();
        self.put(key, object);
        Ok(())
    }

    /// Stores an object's new state; one that changes nothing moves no version.
    pub fn put(&mut self, key: Key, mut object: Value) {
        if let Some(before) = self.objects.of(key.0).get(&*key.1) {
            if ***before == object {
                return;
            }
            if before["spec"] != object["spec"] {
                let generation = before["metadata"]["generation"].as_i64().unwrap_or(0);
                object["metadata"]["generation"] = (generation + 1).into();
            }
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let name: Arc<str> = key.1.into();
        let named = self.objects.of_mut(key.0);
        let before = named.insert(name.clone(), Object::new(object));
        self.note(Change {
            kind: key.0,
            name,
            before,
        });
    }

    pub fn remove(&mut self, key: &Key) {
        if let Some(object) = self.objects.of_mut(key.0).remove(&*key.1) {
            self.version += 1;
            self.applied.remove(&uid_of(&object));
            let name = key.1.as_str().into();
            self.note(Change {
                kind: key.0,
                name,
                before: Some(object.clone()),
            });
            if let Some(address) = object["spec"]["clusterIP"].as_str() {
                self.held_addresses.insert(address.to_owned());
            }
        }
    }

    /// The release is read anew each time, its children come by watches.
    fn note(&mut self, change: Change) {
        if change.kind != "ExchangeRelease" {
            let surplus = (self.changes.len() + 1).saturating_sub(CHANGES);
            self.changes.drain(..surplus);
            self.changes.push_back(change);
        }
    }

    /// What a watch shows that has told the later changes, and not yet the one so many before the last;
    /// nothing if a later one is of the same object.
    pub fn without(&self, back: usize) -> Option<Store> {
        let mut later = self.changes.iter().rev();
        let passed: Vec<&Change> = later.by_ref().take(back).collect();
        let Change { kind, name, before } = later.next()?;
        if passed.iter().any(|c| c.kind == *kind && c.name == *name) {
            return None;
        }
        let mut store = self.objects.clone();
        match before {
            Some(before) => store.of_mut(kind).insert(name.clone(), before.clone()),
            None => store.of_mut(kind).remove(name),
        };
        Some(store)
    }

    /// Adds to a digest what is not in the objects.
    pub fn add_to(&self, sum: &mut impl Hasher) {
        let applied = self.applied.iter().map(|(uid, body)| (uid, body.digest()));
        applied.for_each(|entry| entry.hash(sum));
        (&self.made, &self.addresses, &self.held_addresses).hash(sum);
    }

    /// The addresses of Services that are gone can be given out again. The API server does so after it
    /// has answered and told the watches: who is quick is refused.
    pub fn free_addresses(&mut self) {
        self.held_addresses.clear();
    }

    /// Changes an object as someone who is not the operator.
    pub fn edit(&mut self, kind: &'static str, name: &str, change: impl FnOnce(&mut Value)) {
        if let Some(object) = self.get(kind, name) {
            let mut object = object.clone();
            change(&mut object);
            self.put((kind, name.to_owned()), object);
        }
    }
}

fn immutable(kind: &str, before: &Value, after: &Value) -> Result<(), Refusal> {
    let fields: &[&str] = match kind {
        "Deployment" => &["/spec/selector"],
        "ConfigMap" | "ControllerRevision" => &["/data"],
        "Service" => &["/spec/clusterIP"],
        _ => &[],
    };
    match fields
        .iter()
        .find(|f| before.pointer(f) != after.pointer(f))
    {
        Some(field) => refuse(422, format!("{kind} {field}: field is immutable")),
        None => Ok(()),
    }
}

pub fn uid_of(object: &Value) -> String {
    object["metadata"]["uid"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

pub fn name_of(object: &Value) -> String {
    object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
