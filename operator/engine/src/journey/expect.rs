//! Whether what came back is what a step expects, and what later steps take from it.

use std::collections::BTreeMap;

use changeover_crds::JourneyStep;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Reply;
use super::template::{Template, Values};
use crate::jsonpath::{self, Selected};
use crate::judge::show;

/// Longest JSON text of a value that a step captures.
const CAPTURED: usize = 4096;

/// What was expected, as the spec has it.
pub(super) struct Unmet(pub(super) String);

/// Checks a reply; what the step captures from it.
pub(super) fn judge(
    step: &JourneyStep,
    reply: &Reply,
    values: &Values,
) -> Result<BTreeMap<String, Value>, Unmet> {
    let expect = &step.expect;
    if reply.status != expect.status {
        return Err(Unmet(format!("status {}", expect.status)));
    }
    for (name, wanted) in &expect.headers {
        let value = Template(wanted).render(values).map_err(Unmet)?;
        let is_same = |(n, v): &(String, String)| n.eq_ignore_ascii_case(name) && *v == value;
        if !reply.headers.iter().any(is_same) {
            return Err(Unmet(format!("header {name} to be {wanted}")));
        }
    }
    if expect.json.is_empty() && step.capture.is_empty() {
        return Ok(BTreeMap::new());
    }
    let body: Value =
        serde_json::from_slice(&reply.body).map_err(|_| Unmet("a JSON body".to_owned()))?;
    for (path, wanted) in &expect.json {
        let is_met = match select(path, &body)? {
            Selected::One(found) => matches(found, wanted, values)?,
            _ => false,
        };
        if !is_met {
            return Err(Unmet(format!("{path} to be {}", show(wanted))));
        }
    }
    step.capture
        .iter()
        .map(|(name, path)| Ok((name.clone(), capture(path, &body)?)))
        .collect()
}

/// What came back, so that it can be found again in the service's log without being told here.
pub(super) fn came(reply: &Reply) -> String {
    let digest = Sha256::digest(&reply.body);
    let hash: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!(
        "status {}, body sha256 {hash} ({} bytes)",
        reply.status,
        reply.body.len()
    )
}

fn capture(path: &str, body: &Value) -> Result<Value, Unmet> {
    match select(path, body)? {
        Selected::One(found) if found.to_string().len() <= CAPTURED => Ok(found.clone()),
        Selected::One(_) => Err(Unmet(format!(
            "at most {CAPTURED} bytes at {path}, to capture"
        ))),
        Selected::Nothing | Selected::Many(_) => {
            Err(Unmet(format!("exactly one value at {path}, to capture")))
        }
    }
}

fn select<'v>(path: &str, body: &'v Value) -> Result<Selected<'v>, Unmet> {
    jsonpath::select(path, body).map_err(Unmet)
}

/// A template gives text: it is compared with the text of what was found, so that it may be a number.
fn matches(found: &Value, wanted: &Value, values: &Values) -> Result<bool, Unmet> {
    Ok(match (found, wanted) {
        (_, Value::String(text)) if !Template(text).is_plain() => {
            let text = Template(text).render(values).map_err(Unmet)?;
            match found {
                Value::String(found) => *found == text,
                other => *other == text || other.to_string().as_str() == text,
            }
        }
        (Value::Array(found), Value::Array(wanted)) if found.len() == wanted.len() => {
            all(found.iter().zip(wanted), values)?
        }
        (Value::Object(found), Value::Object(wanted)) if found.keys().eq(wanted.keys()) => {
            all(found.values().zip(wanted.values()), values)?
        }
        _ => found == wanted,
    })
}

fn all<'v>(
    mut pairs: impl Iterator<Item = (&'v Value, &'v Value)>,
    values: &Values,
) -> Result<bool, Unmet> {
    pairs.try_fold(true, |so_far, (found, wanted)| {
        Ok(so_far && matches(found, wanted, values)?)
    })
}
