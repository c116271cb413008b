//! JSON merge patch, and what laying one tree of fields over another means in server-side apply.

use serde_json::Value;

/// RFC 7396.
pub fn patch(object: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = Value::Object(serde_json::Map::new());
    }
    for (key, value) in fields {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(key);
        } else {
            self::patch(&mut object[key.as_str()], value);
        }
    }
}

/// Lays an apply configuration over an object: lists whose items have names are merged by them.
pub fn overlay(object: &mut Value, config: &Value) {
    match (object, config) {
        (Value::Object(object), Value::Object(config)) => {
            for (key, value) in config {
                let field = object.entry(key.clone()).or_insert(Value::Null);
                if is_atomic(key) {
                    *field = value.clone();
                } else {
                    overlay(field, value);
                }
            }
        }
        (Value::Array(items), Value::Array(config)) if is_keyed(config) => {
            for wanted in config {
                match items.iter_mut().find(|i| i["name"] == wanted["name"]) {
                    Some(item) => overlay(item, wanted),
                    None => items.push(wanted.clone()),
                }
            }
        }
        (object, config) => *object = config.clone(),
    }
}

/// Whether a map is owned, and replaced, as a whole: `x-kubernetes-map-type: atomic`.
pub fn is_atomic(key: &str) -> bool {
    key == "selector"
}

/// Whether the items of a list are told apart by their names.
pub fn is_keyed(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["name"].is_string())
}

/// The item of this name.
pub fn named<'v>(items: &'v [Value], like: &Value) -> Option<&'v Value> {
    items.iter().find(|item| item["name"] == like["name"])
}
