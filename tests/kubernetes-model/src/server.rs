//! The API server: it refuses a request or carries it out, and keeps what a watch would tell.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::history::History;
use crate::merge;
use crate::owned::{Owned, is_edited};
use crate::rules::{immutable, preconditions};
use crate::store::{Named, Object, Store, uid_of};

/// Kind and name.
pub type Key = (&'static str, String);

/// What the operator sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `POST`.
    Create,
    /// Server-side apply, forced.
    Apply,
    /// JSON merge patch.
    Merge,
    /// With preconditions.
    Delete,
    /// `PUT` of the status, with the version that it was decided on.
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

/// Nothing was changed.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub code: u16,
    pub message: String,
}

fn refuse<T>(code: u16, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        code,
        message: message.into(),
    })
}

/// Kinds whose changes are not counted in a generation.
const UNCOUNTED: [&str; 3] = ["ConfigMap", "ControllerRevision", "Service"];

/// One namespace.
#[derive(Clone, Default)]
pub struct Server {
    pub objects: Store,
    /// Which fields the operator owns, with a digest of that, by uid.
    owned: BTreeMap<String, (u64, Arc<Owned>)>,
    /// What watches may still show.
    pub history: History,
    /// That of the last change.
    pub version: u64,
    /// How often an object of this kind and name was made: a uid is never given twice.
    made: BTreeMap<Key, u64>,
    /// How often each Service was given an address. A Service that is made anew gets another.
    addresses: BTreeMap<String, u64>,
    /// Addresses of Services that are gone, not given out again yet.
    held_addresses: BTreeSet<String>,
}

impl Server {
    pub fn get(&self, kind: &'static str, name: &str) -> Option<&Value> {
        self.objects.of(kind).get(name).map(|o| &***o)
    }

    pub fn list(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        self.objects.of(kind).values().map(|o| &***o)
    }

    /// The same, held while the store changes.
    pub fn held(&self, kind: &'static str) -> Arc<Named> {
        self.objects.of(kind).clone()
    }

    /// A write of the operator.
    ///
    /// # Errors
    /// As the real one refuses it.
    pub fn send(&mut self, call: &Call, now: &str) -> Result<(), Refusal> {
        let key = (call.kind, call.name.clone());
        let Some(before) = self.objects.of(call.kind).get(&*call.name).cloned() else {
            return match call.verb {
                Verb::Create => self.create_owned(key, call.body.clone(), now),
                // With a uid in it, an apply cannot create.
                Verb::Apply => refuse(409, "uid mismatch: the object was deleted"),
                _ => refuse(404, "not found"),
            };
        };
        if call.verb == Verb::Create {
            return refuse(409, format!("{} {} already exists", call.kind, call.name));
        }
        preconditions(call, &before)?;
        let mut after = match call.verb {
            Verb::Status => with_status(&before, call.body["status"].clone()),
            _ => (**before).clone(),
        };
        let known = self.owned.get(&uid_of(&before)).cloned();
        let (_, mut owned) = known.unwrap_or_default();
        match call.verb {
            Verb::Delete => {
                self.remove(&key);
                return Ok(());
            }
            Verb::Status => {}
            Verb::Merge => {
                merge::patch(&mut after, &call.body);
                Arc::make_mut(&mut owned).update(&before, &after);
            }
            Verb::Apply => Arc::make_mut(&mut owned).apply(&mut after, &call.body),
            Verb::Create => unreachable!(),
        }
        for field in ["uid", "resourceVersion", "generation"] {
            let value = &before["metadata"][field];
            if !value.is_null() {
                after["metadata"][field] = value.clone();
            }
        }
        immutable(call.kind, &before, &after)?;
        self.put_owned(key, after, owned);
        Ok(())
    }

    fn create_owned(&mut self, key: Key, object: Value, now: &str) -> Result<(), Refusal> {
        self.create(key.clone(), object, now)?;
        if let Some(object) = self.get(key.0, &key.1) {
            let mut owned = Owned::default();
            owned.update(&Value::Null, object);
            let uid = uid_of(object);
            self.own(uid, Arc::new(owned));
        }
        Ok(())
    }

    /// Stores a new object, of someone who is not the operator.
    ///
    /// # Errors
    /// When a Service asks for an address that is taken.
    pub fn create(&mut self, key: Key, mut object: Value, now: &str) -> Result<(), Refusal> {
        if key.0 == "Service" {
            let asked = object["spec"]["clusterIP"].clone();
            if asked.is_null() {
                let times = self.addresses.entry(key.1.clone()).or_default();
                *times += 1;
                object["spec"]["clusterIP"] = json!(format!("{}#{times}", key.1));
            } else if self.is_taken(&asked) {
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
        if !UNCOUNTED.contains(&key.0) {
            object["metadata"]["generation"] = 1.into();
        }
        object["metadata"]["creationTimestamp"] = now.into();
        self.put(key, object);
        Ok(())
    }

    fn is_taken(&self, address: &Value) -> bool {
        let is_held = |a: &str| self.held_addresses.contains(a);
        let mut services = self.list("Service");
        address.as_str().is_some_and(is_held)
            || services.any(|s| s["spec"]["clusterIP"] == *address)
    }

    /// A change of who owns what is a change of the object.
    fn put_owned(&mut self, key: Key, object: Value, owned: Arc<Owned>) {
        let is_moved = self.own(uid_of(&object), owned);
        self.store(key, object, is_moved);
    }

    /// Keeps which fields are owned; whether that is a change.
    fn own(&mut self, uid: String, owned: Arc<Owned>) -> bool {
        if let Some((_, known)) = self.owned.get(&uid)
            && Arc::ptr_eq(known, &owned)
        {
            return false;
        }
        let digest = owned.digest();
        let before = self.owned.insert(uid, (digest, owned));
        before.is_some_and(|(was, _)| was != digest)
    }

    /// Stores an object's new state; one that changes nothing moves no version.
    pub fn put(&mut self, key: Key, object: Value) {
        self.store(key, object, false);
    }

    fn store(&mut self, key: Key, mut object: Value, is_moved: bool) {
        if let Some(before) = self.objects.of(key.0).get(&*key.1) {
            if ***before == object && !is_moved {
                return;
            }
            // Deployments count changes of their annotations too: the revision is one.
            let is_seen = key.0 == "Deployment"
                && before["metadata"]["annotations"] != object["metadata"]["annotations"];
            let generation = before["metadata"]["generation"].as_i64();
            if let Some(generation) = generation
                && (before["spec"] != object["spec"] || is_seen)
            {
                object["metadata"]["generation"] = (generation + 1).into();
            }
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let name: Arc<str> = key.1.into();
        let named = self.objects.of_mut(key.0);
        let before = named.insert(name.clone(), Object::new(object));
        self.note(key.0, name, before);
    }

    pub fn remove(&mut self, key: &Key) {
        if let Some(object) = self.objects.of_mut(key.0).remove(&*key.1) {
            self.version += 1;
            self.owned.remove(&uid_of(&object));
            self.note(key.0, key.1.as_str().into(), Some(object.clone()));
            if let Some(address) = object["spec"]["clusterIP"].as_str() {
                self.held_addresses.insert(address.to_owned());
            }
        }
    }

    fn note(&mut self, kind: &'static str, name: Arc<str>, before: Option<Arc<Object>>) {
        let of = (kind, name);
        self.history.note(self.version, of, before, &self.objects);
    }

    /// From now on keeps so many states before that of now, for watches to show late.
    pub fn keep_past(&mut self, before: usize) {
        self.history.keep(before, &self.objects);
    }

    /// What a watch shows that tells its last changes in another order ([`History::without`]).
    pub fn without(&self, back: usize) -> Option<Store> {
        self.history.without(back, &self.objects)
    }

    /// Adds to a digest what is not in the objects.
    pub fn add_to(&self, sum: &mut impl Hasher) {
        let owned = self.owned.iter().map(|(uid, (digest, _))| (uid, digest));
        owned.for_each(|entry| entry.hash(sum));
        (&self.made, &self.addresses, &self.held_addresses).hash(sum);
    }

    /// The addresses of Services that are gone can be given out again. The API server does so after it
    /// has answered and told the watches: who is quick is refused.
    pub fn free_addresses(&mut self) {
        self.held_addresses.clear();
    }

    /// Changes the status of an object as someone who is not the operator.
    pub fn set_status(&mut self, kind: &'static str, name: &str, status: Value) {
        if let Some(before) = self.objects.of(kind).get(name) {
            let object = with_status(before, status);
            self.put((kind, name.to_owned()), object);
        }
    }

    /// Changes an object as someone who is not the operator.
    pub fn edit(&mut self, kind: &'static str, name: &str, change: impl FnOnce(&mut Value)) {
        let Some(before) = self.objects.of(kind).get(name).cloned() else {
            return;
        };
        let mut object = (**before).clone();
        change(&mut object);
        let uid = uid_of(&before);
        if is_edited(&before, &object)
            && let Some((_, mut owned)) = self.owned.get(&uid).cloned()
        {
            Arc::make_mut(&mut owned).edited(&before, &object);
            self.own(uid, owned);
        }
        self.put((kind, name.to_owned()), object);
    }
}

/// A copy with another status.
fn with_status(object: &Value, status: Value) -> Value {
    let fields = object.as_object().into_iter().flatten();
    let others = fields.filter(|(key, _)| *key != "status");
    let mut copy: Map<_, _> = others.map(|(k, v)| (k.clone(), v.clone())).collect();
    copy.insert("status".to_owned(), status);
    Value::Object(copy)
}
