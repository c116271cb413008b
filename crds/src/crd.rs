use kube_core::CustomResourceExt;
use serde_json::Value;

use crate::ExchangeRelease;

const STATUS: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/status";

/// The CustomResourceDefinition as JSON, in the form in which the API server gives it back: whole
/// numbers as integers and no `format` it does not know, so that a GitOps tool sees no difference.
///
/// # Errors
/// When the generated schema cannot be written as JSON, which would be a bug of this crate.
pub fn definition() -> Result<Value, serde_json::Error> {
    let mut json = serde_json::to_value(ExchangeRelease::crd())?;
    normalise(&mut json);
    // One writer replaces it whole: who owns each field of it need not stand in every answer and watch event.
    if let Some(status) = json.pointer_mut(STATUS).and_then(Value::as_object_mut) {
        status.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
    }
    Ok(json)
}

fn normalise(value: &mut Value) {
    match value {
        Value::Object(map) => {
            // Kubernetes knows int32, int64, float and double; schemars also writes uint8 and the like.
            let is_foreign = |v: &Value| v.as_str().is_some_and(|f| f.starts_with("uint"));
            if map.get("format").is_some_and(is_foreign) {
                map.remove("format");
            }
            map.values_mut().for_each(normalise);
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Number(number) => {
            let whole = number
                .as_f64()
                .filter(|f| number.is_f64() && f.fract() == 0.0);
            if let Some(whole) = whole.and_then(|f| format!("{f:.0}").parse::<i64>().ok()) {
                *value = whole.into();
            }
        }
        _ => {}
    }
}
