//! The two ways in which the operator changes an object: JSON merge patch and server-side apply.

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

/// A forced apply: what the manager applied before and leaves out now goes, the rest is laid over.
/// A Service's selector is atomic: it is replaced as a whole.
pub fn apply(object: &mut Value, last: Option<&Value>, config: &Value) {
    if let Some(last) = last {
        forget(object, last, config);
    }
    overlay(object, config);
    let selector = &config["spec"]["selector"];
    if config["kind"] == "Service" && !selector.is_null() {
        object["spec"]["selector"] = selector.clone();
    }
}

fn forget(object: &mut Value, last: &Value, config: &Value) {
    let (Value::Object(object), Value::Object(last)) = (object, last) else {
        return;
    };
    for (key, value) in last {
        match config.get(key) {
            None => {
                object.remove(key);
            }
            Some(kept) => {
                if let Some(inner) = object.get_mut(key) {
                    forget(inner, value, kept);
                }
            }
        }
    }
}

fn overlay(object: &mut Value, config: &Value) {
    match (object, config) {
        (Value::Object(object), Value::Object(config)) => {
            for (key, value) in config {
                overlay(object.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(items), Value::Array(config))
            if config.iter().all(|c| c.get("name").is_some()) =>
        {
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
