//! Whether a journey can be walked at all, and what to change if not.

use std::collections::BTreeSet;

use changeover_crds::{Journey, JourneyStep, ServiceSpec, StepMethod};
use serde_json::Value;

use super::template::{FRESH, RANDOM, Template};
use crate::jsonpath;

/// Why a journey cannot be walked through these services.
pub(crate) fn invalid(journey: &Journey, services: &[ServiceSpec]) -> Option<String> {
    let mut captured = BTreeSet::new();
    for (index, step) in journey.steps.iter().enumerate() {
        if let Err(why) = check(step, services, &captured) {
            return Some(format!(
                "journey {}, step {}: {why}",
                journey.name,
                index + 1
            ));
        }
        captured.extend(step.capture.keys().cloned());
    }
    None
}

fn check(
    step: &JourneyStep,
    services: &[ServiceSpec],
    captured: &BTreeSet<String>,
) -> Result<(), String> {
    if !services.iter().any(|s| s.name == step.service) {
        let names: Vec<&str> = services.iter().map(|s| s.name.as_str()).collect();
        let (unknown, known) = (&step.service, names.join(", "));
        return Err(format!(
            "the spec has no service {unknown}: name one of {known}"
        ));
    }
    let has_paths = !step.expect.json.is_empty() || !step.capture.is_empty();
    if step.method == StepMethod::Head && has_paths {
        return Err("HEAD has no body to expect or capture anything of: use GET".to_owned());
    }
    for path in step.expect.json.keys().chain(step.capture.values()) {
        jsonpath::parse(path)?;
    }
    for (place, text) in templates(step) {
        let names = Template(text)
            .names()
            .map_err(|why| format!("{place} is no template: {why}"))?;
        for name in names {
            known(&name, captured).map_err(|why| format!("{place} uses {why}"))?;
        }
    }
    Ok(())
}

/// Every template of a step, and where it stands.
fn templates(step: &JourneyStep) -> Vec<(String, &str)> {
    let mut all = vec![("path".to_owned(), step.path.as_str())];
    all.extend(step.body.as_deref().map(|body| ("body".to_owned(), body)));
    for (name, value) in &step.headers {
        all.push((format!("header {name}"), value));
    }
    for (name, value) in &step.expect.headers {
        all.push((format!("the expectation of header {name}"), value));
    }
    for (path, value) in &step.expect.json {
        let place = format!("the expectation of {path}");
        all.extend(strings(value).into_iter().map(|text| (place.clone(), text)));
    }
    all
}

/// Strings in a value, at any depth.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(map) => map.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

fn known(name: &str, captured: &BTreeSet<String>) -> Result<(), String> {
    let (head, rest) = name.split_once('.').unwrap_or((name, ""));
    match head {
        RANDOM => Ok(()),
        FRESH if rest.is_empty() => Err(format!(
            "{FRESH} without a name: write {FRESH}.buyer, for example"
        )),
        FRESH => Ok(()),
        _ if captured.contains(head) => Ok(()),
        _ => Err(format!(
            "{head}, which no earlier step captures: capture it, or write {FRESH}.{head} for a new value"
        )),
    }
}

#[cfg(test)]
mod tests {
    use changeover_crds::{Journey, ServiceSpec};
    use serde_json::{Value, from_value, json};

    use super::invalid;

    fn journey(steps: Value) -> Journey {
        from_value(json!({"name": "trade", "steps": steps})).unwrap()
    }

    #[test]
    fn what_cannot_be_walked_is_told_before() {
        let user: ServiceSpec =
            from_value(json!({"name": "user", "image": "u:1", "port": 80})).unwrap();
        let services = [user];
        let first = json!({"service": "user", "path": "/a", "capture": {"id": "$.id"}});
        let with = |field: &str, value: Value| {
            let mut second = json!({"service": "user", "path": "/b"});
            second[field] = value;
            invalid(&journey(json!([first, second])), &services)
        };
        assert_eq!(
            with(
                "body",
                "{{ id }} {{ random }} {{ fresh.x }} {% for a in range(2) %}{{ a }}{% endfor %}"
                    .into()
            ),
            None
        );
        for (field, value, expected) in [
            (
                "service",
                json!("trade"),
                "no service trade: name one of user",
            ),
            ("path", json!("/{{ id"), "path is no template"),
            (
                "path",
                json!("/{{ ID }}"),
                "path uses ID, which no earlier step captures",
            ),
            (
                "path",
                json!("/{{ later }}"),
                "write fresh.later for a new value",
            ),
            ("body", json!("{{ fresh }}"), "write fresh.buyer"),
            (
                "headers",
                json!({"x-id": "{{ di }}"}),
                "header x-id uses di",
            ),
            (
                "expect",
                json!({"headers": {"x-id": "{{ di }}"}}),
                "the expectation of header x-id uses di",
            ),
            (
                "expect",
                json!({"json": {"$.a": [{"b": "{{ di }}"}]}}),
                "the expectation of $.a uses di",
            ),
            (
                "expect",
                json!({"json": {"a": 1}}),
                "a is no JSONPath (RFC 9535)",
            ),
            (
                "capture",
                json!({"x": "$["}),
                "$[ is no JSONPath (RFC 9535)",
            ),
        ] {
            let why = with(field, value).unwrap();
            assert!(
                why.starts_with("journey trade, step 2: ") && why.contains(expected),
                "{why}"
            );
        }
        let head =
            json!([{"service": "user", "path": "/a", "method": "HEAD", "capture": {"id": "$.id"}}]);
        assert!(
            invalid(&journey(head), &services)
                .unwrap()
                .contains("use GET")
        );
        let own = json!([{"service": "user", "path": "/{{ id }}", "capture": {"id": "$.id"}}]);
        assert!(
            invalid(&journey(own), &services).is_some(),
            "a step cannot use what it captures itself"
        );
    }
}
