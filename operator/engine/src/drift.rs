//! Whether an object still is what we applied.

use std::hash::Hash;

use changeover_crds::ResourceExt;
use serde::Serialize;
use serde_json::Value;

use crate::decision::Child;
use crate::quantity::thousandths;
use crate::world::World;

/// What an object should be, unless it has all of that. `inputs` are all that it is rendered from.
pub(crate) fn drifted<K: ResourceExt + Serialize>(
    world: World<'_>,
    object: &K,
    inputs: &impl Hash,
    render: impl FnOnce() -> Child,
) -> Option<Child> {
    let memo = &world.obs.memo;
    if memo.is_right(object, inputs) {
        return None;
    }
    let want = render();
    let actual = serde_json::to_value(object).unwrap_or_default();
    if covers(&actual, &want.manifest) {
        memo.found_right(object, inputs);
        return None;
    }
    Some(want)
}

/// Whether `actual` has everything that `wanted` has. What the API server or another field manager
/// added beside it does not count. Lists of named things (containers, ports, variables) are compared
/// by name, as server-side apply merges them; of others (tolerations) the order counts.
fn covers(actual: &Value, wanted: &Value) -> bool {
    match (actual, wanted) {
        (Value::Object(actual), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            let is_covered = |actual| match key.as_str() {
                "resources" | "emptyDir" => covers_quantities(actual, wanted),
                _ => covers(actual, wanted),
            };
            actual.get(key).map_or_else(|| is_empty(wanted), is_covered)
        }),
        (Value::Array(actual), Value::Array(wanted)) => covers_list(actual, wanted),
        _ => actual == wanted,
    }
}

/// The same where quantities stand, which the API server writes in its own way.
fn covers_quantities(actual: &Value, wanted: &Value) -> bool {
    let Some(wanted) = wanted.as_object() else {
        let value = |quantity: &Value| quantity.as_str().and_then(thousandths);
        return actual == wanted || value(actual).is_some_and(|a| value(wanted) == Some(a));
    };
    wanted.iter().all(|(key, wanted)| {
        let actual = actual.get(key);
        actual.map_or_else(
            || is_empty(wanted),
            |actual| covers_quantities(actual, wanted),
        )
    })
}

fn covers_list(actual: &[Value], wanted: &[Value]) -> bool {
    let named = |v: &Value| v.get("name").and_then(Value::as_str).map(str::to_owned);
    if wanted.iter().all(|w| named(w).is_some()) {
        return wanted
            .iter()
            .all(|w| actual.iter().any(|a| named(a) == named(w) && covers(a, w)));
    }
    if wanted.iter().all(Value::is_object) {
        let mut actual = actual.iter();
        return wanted.iter().all(|w| actual.any(|a| covers(a, w)));
    }
    actual == wanted
}

/// The API server drops empty maps, lists and strings.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::covers;

    #[test]
    fn additions_by_others_are_not_drift() {
        let wanted =
            json!({"spec": {"replicas": 2, "containers": [{"name": "app", "image": "a:1"}]}});
        let actual = json!({"spec": {"replicas": 2, "paused": false, "containers": [
            {"name": "sidecar"}, {"name": "app", "image": "a:1", "terminationMessagePath": "/x"}]}});
        assert!(covers(&actual, &wanted));
    }

    #[test]
    fn what_a_policy_adds_to_a_list_is_no_drift() {
        let wanted = json!([{"key": "a"}, {"key": "b"}]);
        let added = json!([{"key": "a"}, {"key": "policy"}, {"key": "b", "operator": "Equal"}]);
        assert!(covers(&added, &wanted));
        for lacking in [json!([{"key": "a"}]), json!([{"key": "b"}, {"key": "a"}])] {
            assert!(!covers(&lacking, &wanted), "{lacking}");
        }
        assert!(!covers(&json!(["-v", "-x"]), &json!(["-v"])));
    }

    #[test]
    fn a_changed_image_is_drift() {
        let wanted = json!({"containers": [{"name": "app", "image": "a:1"}]});
        assert!(!covers(
            &json!({"containers": [{"name": "app", "image": "a:2"}]}),
            &wanted
        ));
        assert!(!covers(&json!({"containers": []}), &wanted));
    }

    #[test]
    fn quantities_compare_by_value_and_empty_equals_absent() {
        let limits = |memory: &str| json!({"resources": {"limits": {"memory": memory}}});
        assert!(covers(&limits("1Gi"), &limits("1024Mi")));
        assert!(!covers(&limits("1Gi"), &limits("1G")));
        assert!(covers(&json!({}), &json!({"x": {}})));
        let labels = |limits: &str| json!({"labels": {"limits": limits}});
        assert!(!covers(&labels("b"), &labels("a")));
        let variable = |value: &str| json!([{"name": "LIMIT", "value": value}]);
        assert!(
            !covers(&variable("1000m"), &variable("1")),
            "it is no quantity"
        );
    }
}
