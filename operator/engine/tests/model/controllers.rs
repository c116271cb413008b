//! What follows from other objects: EndpointSlices from Services and pods, and the end of what has no owner.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::api::{Api, name_of, uid_of};
use super::cluster::is_ready;

pub fn selects(selector: &Value, labels: &Value) -> bool {
    selector
        .as_object()
        .is_some_and(|s| !s.is_empty() && s.iter().all(|(k, v)| labels[k.as_str()] == *v))
}

/// A Service without a selector keeps the slices it had, as in the real controller.
pub fn slices(api: &mut Api, now: &str) {
    for service in api.held("Service").values() {
        let selector = &service["spec"]["selector"];
        if selector.as_object().is_none_or(serde_json::Map::is_empty) {
            continue;
        }
        let families = service["spec"]["ipFamilies"].as_array();
        let has_both = families.is_some_and(|families| families.len() > 1);
        for family in ["IPv4", "IPv6"].into_iter().take(1 + usize::from(has_both)) {
            slice(api, service, family, now);
        }
    }
}

/// The slice of a Service in one address family. Pods have addresses in both.
fn slice(api: &mut Api, service: &Value, family: &str, now: &str) {
    let selector = &service["spec"]["selector"];
    let matching = api
        .list("Pod")
        .filter(|p| selects(selector, &p["metadata"]["labels"]))
        .filter(|p| !p["status"]["podIP"].is_null());
    let endpoints: Vec<Value> = matching
        .map(|pod| {
            json!({"addresses": [pod["status"]["podIP"]],
                "conditions": {"ready": is_ready(pod)},
                "targetRef": {"kind": "Pod", "name": name_of(pod), "uid": uid_of(pod)}})
        })
        .collect();
    let name = format!("{}-{}", name_of(service), family.replace("IP", ""));
    let mut labels = service["metadata"]["labels"].clone();
    labels["kubernetes.io/service-name"] = name_of(service).into();
    let owner = json!([{"apiVersion": "v1", "kind": "Service", "name": name_of(service),
        "uid": uid_of(service), "controller": true}]);
    let endpoints = Value::Array(endpoints);
    let Some(slice) = api.get("EndpointSlice", &name) else {
        let slice = json!({"apiVersion": "discovery.k8s.io/v1", "addressType": family,
            "metadata": {"namespace": "shop", "labels": labels, "ownerReferences": owner},
            "endpoints": endpoints});
        let key = ("EndpointSlice", name);
        api.create(key, slice, now).unwrap();
        return;
    };
    if slice["endpoints"] != endpoints || slice["metadata"]["labels"] != labels {
        api.edit("EndpointSlice", &name, |slice| {
            slice["metadata"]["labels"] = labels;
            slice["endpoints"] = endpoints;
        });
    }
}

/// The garbage collector: what has an owner that is gone goes; a pod gets its grace period.
pub fn collect(api: &mut Api, now: &str) {
    let alive: BTreeSet<&str> = api
        .objects
        .iter()
        .filter_map(|(_, _, o)| o["metadata"]["uid"].as_str())
        .collect();
    let is_orphan = |o: &Value| {
        let owners = o["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|owners| {
            !owners.is_empty()
                && owners
                    .iter()
                    .all(|owner| !alive.contains(owner["uid"].as_str().unwrap_or_default()))
        })
    };
    let orphans: Vec<_> = api
        .objects
        .iter()
        .filter(|(_, _, o)| is_orphan(o))
        .map(|(kind, name, _)| (kind, name.to_string()))
        .collect();
    for key in orphans {
        if key.0 == "Pod" {
            api.edit("Pod", &key.1, |p| {
                if p["metadata"]["deletionTimestamp"].is_null() {
                    p["metadata"]["deletionTimestamp"] = now.into();
                }
            });
        } else {
            api.remove(&key);
        }
    }
}
