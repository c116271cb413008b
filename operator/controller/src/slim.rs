//! What is kept of children: what the engine looks at. Less to hold for each of many releases, and a change of
//! anything else is no reason to look at a release.

use changeover_crds::ExchangeRelease;
use changeover_engine::pack;
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, DeploymentStatus};
use k8s_openapi::api::core::v1::{Pod, PodStatus, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    FieldsV1, ManagedFieldsEntry, OwnerReference,
};
use kube::ResourceExt;

/// Who wrote which field is the API server's business.
pub fn plain(object: &mut impl ResourceExt) {
    object.meta_mut().managed_fields = None;
}

/// Nobody asks who wrote what of a release, and each step copies it.
pub fn release(mut release: ExchangeRelease) -> ExchangeRelease {
    plain(&mut release);
    release
}

/// Of who wrote it, the names of those who wrote the selector: they are told where it is contested.
pub fn service(service: &mut Service) {
    let wrote_selector = |entry: &mut ManagedFieldsEntry| {
        let fields = entry.fields_v1.take();
        entry.time = None;
        fields.is_some_and(|FieldsV1(fields)| fields.pointer("/f:spec/f:selector").is_some())
    };
    service.managed_fields_mut().retain_mut(wrote_selector);
    service.status = None;
}

/// Of its status, that pods are refused; the pods tell the rest.
pub fn deployment(deployment: &mut Deployment) {
    plain(deployment);
    let status = deployment.status.take();
    let mut conditions = status.and_then(|status| status.conditions);
    if let Some(conditions) = &mut conditions {
        conditions.retain(|condition| condition.type_ == "ReplicaFailure");
    }
    let conditions = conditions.filter(|conditions| !conditions.is_empty());
    deployment.status = conditions.map(|conditions| DeploymentStatus {
        conditions: Some(conditions),
        ..DeploymentStatus::default()
    });
}

pub fn budget(budget: &mut PodDisruptionBudget) {
    plain(budget);
    budget.status = None;
}

pub fn revision(revision: &mut ControllerRevision) {
    plain(revision);
    pack(revision);
}

/// What it was to be, its Deployment says. Of its owners, whether one looks after it. Of its phase only the end tells
/// something; of containers those that are not ready, or have ended before.
pub fn pod(pod: &mut Pod) {
    plain(pod);
    for owner in pod.owner_references_mut() {
        *owner = OwnerReference {
            controller: owner.controller,
            ..OwnerReference::default()
        };
    }
    pod.spec = None;
    let status = pod.status.take().unwrap_or_default();
    let mut conditions = status.conditions.unwrap_or_default();
    conditions.retain(|condition| matches!(condition.type_.as_str(), "PodScheduled" | "Ready"));
    let mut containers = status.container_statuses.unwrap_or_default();
    containers.retain(|container| !container.ready || container.restart_count > 0);
    let is_over = |phase: &String| matches!(phase.as_str(), "Failed" | "Succeeded");
    pod.status = Some(PodStatus {
        phase: status.phase.filter(is_over),
        conditions: Some(conditions),
        container_statuses: Some(containers).filter(|containers| !containers.is_empty()),
        pod_ip: status.pod_ip,
        ..PodStatus::default()
    });
}

/// Which pods, and whether they are ready.
pub fn slice(slice: &mut EndpointSlice) {
    plain(slice);
    slice.metadata.annotations = None;
    slice.metadata.owner_references = None;
    slice.ports = None;
    for endpoint in slice.endpoints.iter_mut().flatten() {
        endpoint.addresses = Vec::new();
        endpoint.hints = None;
        endpoint.node_name = None;
        endpoint.zone = None;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn slimmed<K>(slim: fn(&mut K), object: Value) -> Value
    where
        K: serde::Serialize + serde::de::DeserializeOwned,
    {
        let mut object: K = from_value(object).unwrap();
        slim(&mut object);
        serde_json::to_value(object).unwrap()
    }

    #[test]
    fn who_wrote_a_selector_is_kept_by_name() {
        let entry = |manager: &str, fields: Value| json!({"manager": manager, "time": "2026-01-01T00:00:00Z", "fieldsV1": fields});
        let meddler = entry("meddler", json!({"f:spec": {"f:selector": {}}}));
        let labeller = entry("labeller", json!({"f:metadata": {"f:labels": {}}}));
        let metadata = json!({"managedFields": [meddler, labeller]});
        let service = slimmed(service, json!({"metadata": metadata}));
        let entry = json!([{"manager": "meddler"}]);
        assert_eq!(service["metadata"]["managedFields"], entry);
    }

    #[test]
    fn of_a_deployment_that_pods_are_refused_is_kept() {
        let condition = |of: &str| json!({"type": of, "status": "True"});
        let conditions = [condition("Progressing"), condition("ReplicaFailure")];
        let status = json!({"replicas": 2, "conditions": conditions});
        let deployment = slimmed(deployment, json!({"metadata": {}, "status": status}));
        let kept = json!({"conditions": [condition("ReplicaFailure")]});
        assert_eq!(deployment["status"], kept);
    }

    #[test]
    fn of_a_pod_what_tells_its_readiness_and_its_trouble_is_kept() {
        let condition = |of: &str| json!({"type": of, "status": "False"});
        let conditions = ["Initialized", "Ready", "PodScheduled"].map(condition);
        let container = |ready: bool, restarts: i32| json!({"name": "c", "image": "", "imageID": "", "ready": ready, "restartCount": restarts});
        let containers = [container(false, 0), container(true, 0), container(true, 3)];
        let status = json!({"conditions": conditions, "containerStatuses": containers, "podIP": "10.0.0.1", "hostIP": "10.0.0.2"});
        let pod = slimmed(
            pod,
            json!({"metadata": {}, "spec": {"containers": []}, "status": status}),
        );
        let conditions = ["Ready", "PodScheduled"].map(condition);
        let [starts, _, ended] = containers;
        let kept = json!({"conditions": conditions, "containerStatuses": [starts, ended], "podIP": "10.0.0.1"});
        assert_eq!((&pod["status"], pod.get("spec")), (&kept, None));
    }

    /// One that a person took out of its ReplicaSet stands in nobody's way.
    #[test]
    fn of_a_pod_that_it_has_a_controller_is_kept() {
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "1", "controller": true});
        let pod = slimmed(pod, json!({"metadata": {"ownerReferences": [owner]}}));
        assert_eq!(pod["metadata"]["ownerReferences"][0]["controller"], true);
    }

    /// It holds no client any more, and a drain does not wait for its answer.
    #[test]
    fn of_a_pod_that_it_is_over_is_kept() {
        let phase = |phase: &str| {
            let status = json!({"phase": phase, "podIP": "10.0.0.1"});
            let pod = slimmed(pod, json!({"metadata": {}, "status": status}));
            pod["status"]["phase"].clone()
        };
        let kept = ["Pending", "Running", "Succeeded", "Failed"].map(phase);
        let [none, over] = [Value::Null, json!("Succeeded")];
        assert_eq!(kept, [none.clone(), none, over, json!("Failed")]);
    }

    #[test]
    fn of_a_slice_the_pods_and_their_readiness_are_kept() {
        let endpoint =
            json!({"addresses": [], "conditions": {"ready": true}, "targetRef": {"uid": "1"}});
        let mut whole = endpoint.clone();
        whole["addresses"] = json!(["10.0.0.1"]);
        whole["nodeName"] = "n".into();
        let metadata =
            json!({"annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "1"}});
        let slice = slimmed(
            slice,
            json!({"metadata": metadata, "addressType": "IPv4", "endpoints": [whole], "ports": [{"port": 1}]}),
        );
        assert_eq!(slice["endpoints"], json!([endpoint]));
        assert_eq!(slice["addressType"], "IPv4");
    }
}
