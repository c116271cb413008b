//! What the API server holds requests against.

use serde_json::Value;

use crate::server::{Call, Refusal, Verb};

/// Whether the object is the one that the request means.
pub fn preconditions(call: &Call, object: &Value) -> Result<(), Refusal> {
    if call.verb == Verb::Status && call.body["metadata"]["resourceVersion"].is_null() {
        let message = "metadata.resourceVersion: must be specified for an update".into();
        return Err(Refusal { code: 422, message });
    }
    // A patch cannot change a uid (422, like everything that is immutable); its version is looked at
    // first. A deletion and a replacement name both as preconditions.
    let (version, uid) = match call.verb {
        Verb::Delete | Verb::Status => (409, 409),
        _ => (409, 422),
    };
    for (field, code) in [("resourceVersion", version), ("uid", uid)] {
        let (wanted, is) = (&call.body["metadata"][field], &object["metadata"][field]);
        if !wanted.is_null() && wanted != is {
            let message = format!("the object has been modified: {field} {is}");
            return Err(Refusal { code, message });
        }
    }
    Ok(())
}

/// Whether no field changes that never may.
pub fn immutable(kind: &str, before: &Value, after: &Value) -> Result<(), Refusal> {
    let fields: &[&str] = match kind {
        "Deployment" => &["/spec/selector"],
        "ConfigMap" | "ControllerRevision" => &["/data"],
        "Service" => &["/spec/clusterIP"],
        _ => &[],
    };
    let is_changed = |f: &&&str| before.pointer(f) != after.pointer(f);
    match fields.iter().find(is_changed) {
        Some(field) => Err(Refusal {
            code: 422,
            message: format!("{kind} {field}: field is immutable"),
        }),
        None => Ok(()),
    }
}
