//! Schemas and rules that the types alone do not give. Each rule's message says what to write instead.

use kube_core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

/// Go-style, without sign, small enough for every parser, and in parts that a time in `status` can have: at least a
/// microsecond. A typed client writes none at all as `0ns`.
const DURATION: &str = r"r'^(0ns|([0-9]{1,6}(\.[0-9]{1,3})?(ms|s|m|h))+)$'";

/// A time that may be none at all: `0s`, `90s`, `1h30m`.
pub(crate) fn window(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 20,
        "x-kubernetes-validations": [{
            "rule": format!("self.matches({DURATION})"),
            "message": "must be a duration such as 0s, 90s or 1h30m",
        }],
    })
}

/// A time in which something has to happen: at least a second.
pub(crate) fn deadline(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 20,
        "x-kubernetes-validations": [{
            "rule": format!("self.matches({DURATION}) && duration(self) >= duration('1s')"),
            "message": "must be a duration of at least 1s, such as 90s or 1h30m",
        }],
    })
}

/// Adds what each value means to what they all are: a schema of Kubernetes has one description for all values, and their
/// own would be lost.
pub(crate) fn with_meanings(schema: &mut Schema) {
    let values = schema.get("oneOf").and_then(Value::as_array);
    let lines = values.into_iter().flatten().filter_map(|value| {
        let word = value.get("const")?.as_str()?;
        let meaning = value.get("description")?.as_str()?;
        Some(format!("\n- {word}: {}", meaning.replace('\n', " ")))
    });
    let lines: String = lines.collect();
    let all = schema.get("description").and_then(Value::as_str);
    let text = format!("{}{lines}", all.unwrap_or_default());
    schema.insert("description".to_owned(), text.into());
}

/// Two durations in order. One that cannot be read has a message of its own.
pub(crate) fn ordered(shorter: &str, longer: &str) -> Rule {
    let rule = format!(
        "!self.{shorter}.matches({DURATION}) || !self.{longer}.matches({DURATION}) || duration(self.{shorter}) <= duration(self.{longer})"
    );
    let message = format!("{shorter} must not be longer than {longer}");
    Rule::from((rule.as_str(), message.as_str()))
}

/// Keys become keys of a ConfigMap, and variables in the pods.
pub(crate) fn config(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 128,
        "additionalProperties": { "type": "string", "maxLength": 4096 },
        "x-kubernetes-validations": [{
            "rule": "self.all(key, key.matches('^[A-Za-z_][A-Za-z0-9_.-]{0,252}$'))",
            "message": "a key of config is a variable's name: letters, digits, underscores, dots and dashes, starting with a letter or underscore",
        }],
    })
}

/// Kubernetes quantities by resource name.
pub(crate) fn quantities(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": {
            "type": "string",
            "maxLength": 32,
            "x-kubernetes-validations": [{
                "rule": r"self.matches(r'^[0-9]+(\.[0-9]{1,3})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$')",
                "message": "must be a quantity such as 500m, 2, 64Mi or 1Gi",
            }],
        },
    })
}

/// Keys of labels and annotations: a name, with a domain before it or not.
const QUALIFIED: &str =
    "^([a-z0-9][a-z0-9.-]{0,252}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$";
/// Values of labels.
const LABEL: &str = "^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$";

/// What the operator sets itself, nobody else does.
pub(crate) fn pod_labels(_: &mut SchemaGenerator) -> Schema {
    let ours = "key.startsWith('changeover.dev/') || key.startsWith('app.kubernetes.io/')";
    marks(
        json_schema!({ "type": "string", "maxLength": 63, "pattern": LABEL }),
        &format!("!({ours})"),
        "a label's key is a name, with a domain before it or not, and not of changeover.dev or app.kubernetes.io: those are set by the operator",
    )
}

pub(crate) fn pod_annotations(_: &mut SchemaGenerator) -> Schema {
    marks(
        json_schema!({ "type": "string", "maxLength": 4096 }),
        "!key.startsWith('changeover.dev/') && !key.startsWith('container.apparmor.security.beta.kubernetes.io/')",
        "an annotation's key is a name, with a domain before it or not, and not of changeover.dev or AppArmor: the security of a pod is the operator's to say",
    )
}

pub(crate) fn node_selector(_: &mut SchemaGenerator) -> Schema {
    marks(
        json_schema!({ "type": "string", "maxLength": 63, "pattern": LABEL }),
        "true",
        "a node's label has a name as key, with a domain before it or not",
    )
}

fn marks(value: Schema, allowed: &str, message: &str) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": value,
        "x-kubernetes-validations": [{
            "rule": format!("self.all(key, key.matches('{QUALIFIED}') && {allowed})"),
            "message": message,
        }],
    })
}

/// How many arrays and objects may stand within each other in an expected value.
const NESTED: usize = 2;

/// JSONPath to any JSON value, but one so deep that no client could read the release.
pub(crate) fn json_expectations(_: &mut SchemaGenerator) -> Schema {
    // The API server drops a null that is not allowed, and with it what was expected.
    let any = json_schema!({ "x-kubernetes-preserve-unknown-fields": true, "nullable": true });
    let mut innermost = any.clone();
    for limit in ["maxItems", "maxProperties"] {
        innermost.insert(limit.to_owned(), 0.into());
    }
    let value = (0..NESTED).fold(innermost, |within, _| {
        let mut value = any.clone();
        for each in ["items", "additionalProperties"] {
            value.insert(each.to_owned(), within.clone().to_value());
        }
        value
    });
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": value,
    })
}

/// Headers of a request or an answer.
pub(crate) fn headers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": { "type": "string", "maxLength": 1024 },
        "x-kubernetes-validations": [{
            "rule": "self.all(name, name.matches('^[A-Za-z0-9!#$%&*+.^_|~-]{1,64}$') && !(name.lowerAscii() in ['host', 'content-length', 'transfer-encoding', 'connection']))",
            "message": "a header's name has letters, digits and dashes, and is not host, connection, content-length or transfer-encoding: those are set by the operator",
        }],
    })
}

/// Names of captured values, and where each is found.
pub(crate) fn captures(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": { "type": "string", "minLength": 1, "maxLength": 256 },
        "x-kubernetes-validations": [{
            "rule": "self.all(name, name.matches('^[a-z][a-z0-9_]{0,39}$') && !(name in ['random', 'fresh']))",
            "message": "a captured value's name starts with a lower-case letter, followed by lower-case letters, digits and underscores; random and fresh are taken",
        }],
    })
}
