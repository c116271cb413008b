//! Who set a field: server-side apply removes what a manager applied before and leaves out now, unless
//! another owner is left. The operator is two owners: one that applies, and one that creates and patches.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use crate::merge::{is_atomic, is_keyed, named, overlay};

/// The fields of one object that the operator owns, as trees; values in them say nothing.
#[derive(Clone, Default)]
pub struct Owned {
    /// By its apply requests.
    pub applied: Value,
    /// By its create and patch requests.
    pub updated: Value,
}

impl Owned {
    /// A number for which fields are owned, and by whom.
    pub fn digest(&self) -> u64 {
        let mut sum = DefaultHasher::new();
        shape(&self.applied, &mut sum);
        shape(&self.updated, &mut sum);
        sum.finish()
    }

    /// The operator created the object, or patched it.
    pub fn update(&mut self, before: &Value, after: &Value) {
        let fields = owned_fields(after);
        let changed = differing(&owned_fields(before), &fields);
        lose(&mut self.applied, &owned_fields(before), &fields);
        lose(&mut self.updated, &owned_fields(before), &fields);
        if let Some(changed) = changed {
            overlay(&mut self.updated, &changed);
        }
    }

    /// A forced apply of the operator: what it applied before and leaves out now goes, if nobody else set
    /// it; the rest is laid over.
    pub fn apply(&mut self, object: &mut Value, config: &Value) {
        let before = owned_fields(object);
        let config = owned_fields(config);
        forget(object, &self.applied, &config, &self.updated);
        overlay(object, &config);
        lose(&mut self.updated, &before, &owned_fields(object));
        self.applied = config;
    }

    /// Someone else changed the object.
    pub fn edited(&mut self, before: &Value, after: &Value) {
        let (before, after) = (owned_fields(before), owned_fields(after));
        lose(&mut self.applied, &before, &after);
        lose(&mut self.updated, &before, &after);
    }
}

fn shape(fields: &Value, sum: &mut impl Hasher) {
    match fields {
        Value::Object(map) => {
            map.len().hash(sum);
            for (key, inner) in map {
                key.hash(sum);
                shape(inner, sum);
            }
        }
        Value::Array(items) if is_keyed(items) => {
            items.len().hash(sum);
            for item in items {
                item["name"].hash(sum);
                shape(item, sum);
            }
        }
        _ => fields.is_null().hash(sum),
    }
}

/// Fields that can have owners: not what identifies the object, and not what the server writes.
fn owned_fields(object: &Value) -> Value {
    let clone = |(key, value): (&String, &Value)| (key.clone(), value.clone());
    let mut fields: Map<_, _> = top_level(object).map(clone).collect();
    if !object["metadata"].is_null() {
        let metadata: Map<_, _> = owned_metadata(object).map(clone).collect();
        fields.insert("metadata".to_owned(), metadata.into());
    }
    Value::Object(fields)
}

/// Whether a field that can have owners is another one.
pub fn is_edited(before: &Value, after: &Value) -> bool {
    !parts(before).eq(parts(after))
}

fn parts(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    top_level(object).chain(owned_metadata(object))
}

fn top_level(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let others = ["apiVersion", "kind", "status", "metadata"];
    let fields = object.as_object().into_iter().flatten();
    fields.filter(move |(key, _)| !others.contains(&key.as_str()))
}

fn owned_metadata(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let owned = ["labels", "annotations", "ownerReferences"];
    let fields = object["metadata"].as_object().into_iter().flatten();
    fields.filter(move |(key, _)| owned.contains(&key.as_str()))
}

/// Removes what was applied, and is neither in the new configuration nor another owner's.
fn forget(object: &mut Value, applied: &Value, config: &Value, others: &Value) {
    match (object, applied) {
        (Value::Object(object), Value::Object(applied)) => {
            for (key, old) in applied {
                let (wanted, other) = (config.get(key), others.get(key));
                if wanted.is_none() && other.is_none() {
                    object.remove(key);
                } else if let Some(inner) = object.get_mut(key).filter(|_| !is_atomic(key)) {
                    let nothing = Value::Null;
                    forget(
                        inner,
                        old,
                        wanted.unwrap_or(&nothing),
                        other.unwrap_or(&nothing),
                    );
                }
            }
        }
        (Value::Array(items), Value::Array(applied)) if is_keyed(applied) => {
            let item_of = |list: &Value, like: &Value| {
                let list = list.as_array().map_or(&[][..], Vec::as_slice);
                named(list, like).cloned()
            };
            for old in applied {
                let (wanted, other) = (item_of(config, old), item_of(others, old));
                if wanted.is_none() && other.is_none() {
                    items.retain(|item| item["name"] != old["name"]);
                } else if let Some(item) = items.iter_mut().find(|i| i["name"] == old["name"]) {
                    forget(
                        item,
                        old,
                        &wanted.unwrap_or_default(),
                        &other.unwrap_or_default(),
                    );
                }
            }
        }
        _ => {}
    }
}

/// The part of `after` that is not so in `before`.
fn differing(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (before, after) if before == after => None,
        (before, Value::Object(after)) => {
            let nothing = Value::Null;
            let parts = after.iter().filter_map(|(key, value)| {
                let before = before.get(key).unwrap_or(&nothing);
                let part = if is_atomic(key) {
                    (before != value).then(|| value.clone())
                } else {
                    differing(before, value)
                };
                Some((key.clone(), part?))
            });
            let parts: Map<_, _> = parts.collect();
            (!parts.is_empty()).then_some(Value::Object(parts))
        }
        (Value::Array(before), Value::Array(after)) if is_keyed(after) => {
            let parts = after.iter().filter_map(|item| {
                let nothing = Value::Null;
                let mut part = differing(named(before, item).unwrap_or(&nothing), item)?;
                part["name"] = item["name"].clone();
                Some(part)
            });
            let parts: Vec<_> = parts.collect();
            (!parts.is_empty()).then_some(Value::Array(parts))
        }
        (_, after) => Some(after.clone()),
    }
}

/// Takes from the fields of an owner what someone else changed or removed.
fn lose(fields: &mut Value, before: &Value, after: &Value) {
    if before == after {
        return;
    }
    match fields {
        Value::Object(map) if after.is_object() => map.retain(|key, inner| {
            let (Some(before), Some(after)) = (before.get(key), after.get(key)) else {
                return before.get(key) == after.get(key);
            };
            if is_atomic(key) {
                return before == after;
            }
            lose(inner, before, after);
            !inner.is_null()
        }),
        Value::Array(items) if is_keyed(items) => {
            let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
            let (before, after) = (list(before), list(after));
            items.retain_mut(|item| {
                let (Some(before), Some(after)) = (named(&before, item), named(&after, item))
                else {
                    return false;
                };
                lose(item, before, after);
                true
            });
        }
        _ => *fields = Value::Null,
    }
}
