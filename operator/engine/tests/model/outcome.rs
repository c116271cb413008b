//! The end of a story, without what may differ between two runs: identities, versions, times.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cluster::is_ready;
use super::world::World;

/// Fields that hold an identity, a version or a time.
const PASSING: [&str; 23] = [
    "deletionTimestamp",
    "uid",
    "resourceVersion",
    "generation",
    "observedGeneration",
    "creationTimestamp",
    "phaseSince",
    "pausedFor",
    "deadline",
    "warmUntil",
    "startedAt",
    "finishedAt",
    "endedAt",
    "degradedSince",
    "pausedSince",
    // Whether a drain was measured depends on how soon a pod could be asked.
    "endedBy",
    "switchMillis",
    "skewMillis",
    "verifyMillis",
    "at",
    "lastTransitionTime",
    "message",
    "pods",
];

/// What the operator made and deleted on the way.
pub const MADE: &str = "made and deleted";

/// Everything that people could see at the end, and what was made and deleted on the way.
pub fn outcome(world: &World) -> BTreeMap<String, Value> {
    let mut seen = BTreeMap::new();
    let mut pods: BTreeMap<String, i64> = BTreeMap::new();
    for (kind, name, object) in world.api.objects.iter() {
        match kind {
            "Pod" => {
                let labels = object["metadata"]["labels"].to_string();
                *pods
                    .entry(format!("{labels} {}", is_ready(object)))
                    .or_default() += 1;
            }
            "EndpointSlice" => {
                let endpoints = object["endpoints"].as_array().unwrap();
                seen.insert(format!("{kind} {name}"), json!(endpoints.len()));
            }
            _ => {
                let mut object = (***object).clone();
                strip(&mut object);
                if kind == "ControllerRevision" {
                    // A number in the order of storing, past what stood there at that moment.
                    object["revision"] = Value::Null;
                }
                if object["metadata"]["labels"]["changeover.dev/role"] == "pinned" {
                    // Given out in the order of creation, which commutes. A live Service keeps its own.
                    object["spec"]["clusterIP"] = Value::Null;
                }
                seen.insert(format!("{kind} {name}"), object);
            }
        }
    }
    seen.insert("pods".to_owned(), json!(pods));
    // I7 asks for the same creates and deletes, not for the same end alone.
    seen.insert(MADE.to_owned(), json!(world.api.counts));
    seen
}

/// Where two ends differ.
pub fn difference(a: &Value, b: &Value) -> String {
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            let mut keys = left.keys().chain(right.keys());
            let key = keys.find(|k| left.get(*k) != right.get(*k));
            key.map_or(String::new(), |key| {
                format!("/{key}{}", difference(&a[key], &b[key]))
            })
        }
        _ => format!(": {a} without, {b} with the fault"),
    }
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !PASSING.contains(&key.as_str()));
            // As with `endedBy`.
            if map.get("type").is_some_and(|of| of == "Drained") {
                map.remove("reason");
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
