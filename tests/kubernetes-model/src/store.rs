//! Objects as the API server keeps them. A version of an object is shared by all worlds that hold it, and
//! so is what was made of it: its typed form, and its digest.

use std::any::Any;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// In the order in which they are listed.
pub const KINDS: [&str; 8] = [
    "ConfigMap",
    "ControllerRevision",
    "Deployment",
    "EndpointSlice",
    "ExchangeRelease",
    "Pod",
    "PodDisruptionBudget",
    "Service",
];

/// One version of one object.
pub struct Object {
    value: Value,
    typed: OnceLock<Arc<dyn Any + Send + Sync>>,
    digest: OnceLock<u64>,
    exactly: OnceLock<u64>,
}

impl Object {
    pub fn new(value: Value) -> Arc<Self> {
        Arc::new(Self {
            value,
            typed: OnceLock::new(),
            digest: OnceLock::new(),
            exactly: OnceLock::new(),
        })
    }

    /// A digest of all of it.
    pub fn exactly(&self) -> u64 {
        *self.exactly.get_or_init(|| {
            let mut sum = DefaultHasher::new();
            self.value.hash(&mut sum);
            sum.finish()
        })
    }

    /// A digest by a rule of the caller's; it is asked once.
    pub fn digest(&self, of: impl FnOnce(&Value) -> u64) -> u64 {
        *self.digest.get_or_init(|| of(&self.value))
    }

    /// As an informer keeps it. Every version is decoded once.
    pub fn typed<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Arc<T> {
        let decode = || -> Arc<dyn Any + Send + Sync> {
            let typed = serde::Deserialize::deserialize(&self.value);
            Arc::<T>::new(typed.unwrap_or_else(|error| panic!("{error}: {}", self.value)))
        };
        self.typed.get_or_init(decode).clone().downcast().unwrap()
    }
}

impl Deref for Object {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

/// Objects of one kind by name.
pub type Named = BTreeMap<Arc<str>, Arc<Object>>;

/// Objects of one kind, and how often they changed.
type Kept = (u64, Arc<Named>);

/// All objects. A copy costs little, and stays as it is while the original goes on.
#[derive(Clone, Default)]
pub struct Store([Kept; KINDS.len()]);

impl Store {
    pub fn of(&self, kind: &str) -> &Arc<Named> {
        &self.0[place(kind)].1
    }

    pub fn of_mut(&mut self, kind: &str) -> &mut Named {
        let (changes, named) = &mut self.0[place(kind)];
        *changes += 1;
        Arc::make_mut(named)
    }

    /// How often objects of this kind changed.
    pub fn changes(&self, kind: &str) -> u64 {
        self.0[place(kind)].0
    }

    /// Takes over how these kinds are in another store.
    pub fn renew(&mut self, kinds: &[&str], from: &Self) {
        for place in kinds.iter().map(|kind| place(kind)) {
            self.0[place].clone_from(&from.0[place]);
        }
    }

    /// Kind, name and object.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Arc<str>, &Arc<Object>)> {
        KINDS.into_iter().flat_map(|kind| {
            let named = self.of(kind).iter();
            named.map(move |(name, object)| (kind, name, object))
        })
    }
}

fn place(kind: &str) -> usize {
    let place = KINDS.iter().position(|k| *k == kind);
    place.unwrap_or_else(|| panic!("no such kind: {kind}"))
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
