//! Why a colour is not ready, in words that name the pod and the cause.

use changeover_crds::{ColourStatus, ResourceExt, names};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};

use crate::observation::Failure;
use crate::world::{World, label};

/// Longest quote of another component's words.
const QUOTE: usize = 300;

/// One sentence per service that is not ready, at most three; nothing where all are.
pub(crate) fn unready(world: World<'_>, role: &ColourStatus) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let Some(stored) = world.stored(&role.revision) else {
        let is_lost = world.spec().revision != role.revision;
        let lost = is_lost.then(|| {
            format!(
                "stored revision {} is gone and the spec names another: apply {} again",
                role.revision, role.version
            )
        });
        return lost.unwrap_or_default();
    };
    for count in world.counts(role, stored) {
        if count.ready < count.desired {
            let cause = cause(world, &count.name, role);
            reasons.push(format!(
                "{}: {} of {} pods ready{cause}",
                count.name, count.ready, count.desired
            ));
        }
    }
    let more = reasons.len().saturating_sub(3);
    reasons.truncate(3);
    let text = reasons.join("; ");
    if more == 0 {
        text
    } else {
        format!("{text}; and {more} more services")
    }
}

/// The same behind a colon, to end a sentence with.
pub(crate) fn because(world: World<'_>, role: &ColourStatus) -> String {
    Some(unready(world, role))
        .filter(|unready| !unready.is_empty())
        .map_or_else(String::new, |unready| format!(": {unready}"))
}

fn cause(world: World<'_>, service: &str, role: &ColourStatus) -> String {
    let name = names::coloured(&world.name(), service, role.colour);
    let mut failures = world.obs.failures.iter();
    let failure = failures.find(|f| f.name == name || f.name == service);
    let refused = failure.map(|f| format!(": {}: {}", f.request, quote(&f.message)));
    // What should have passed by itself may have.
    if failure.is_some_and(Failure::is_final) {
        return refused.unwrap_or_default();
    }
    let failing_deployment = world
        .deployment(service, role.colour)
        .and_then(replica_failure);
    if let Some(message) = failing_deployment {
        return format!(": Deployment {name}: {}", quote(&message));
    }
    let worst = world
        .pods(service, role)
        .filter_map(|pod| Some((pod.name_any(), pod_trouble(pod)?)))
        .min();
    let worst = worst.or_else(|| {
        let is_its = |pod: &&Pod| label(*pod, names::SERVICE) == Some(service);
        let pod = world.strangers(role).find(is_its)?;
        Some((
            pod.name_any(),
            "it is of another revision and has not ended".to_owned(),
        ))
    });
    let worst = worst.map(|(pod, trouble)| format!(": pod {pod}: {trouble}"));
    worst.or(refused).unwrap_or_default()
}

/// A quota or an admission policy that refuses pods is told by the Deployment alone.
fn replica_failure(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions
        .iter()
        .find(|c| c.type_ == "ReplicaFailure" && c.status == "True")?;
    failure.message.clone()
}

fn pod_trouble(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False");
    if let Some(condition) = unscheduled {
        return Some(format!(
            "not scheduled: {}",
            quote(condition.message.as_deref().unwrap_or("no node fits"))
        ));
    }
    let mut containers = status.container_statuses.iter().flatten();
    if let Some(container) = containers.find(|c| !c.ready) {
        return Some(container_trouble(container));
    }
    let is_unready = |c: &&PodCondition| c.type_ == "Ready" && c.status == "False";
    let unready = status.conditions.iter().flatten().find(is_unready)?;
    match (unready.reason.as_deref(), &unready.message) {
        (Some("ContainersNotReady"), _) => None,
        (_, Some(why)) => Some(format!("not ready: {}", quote(why))),
        (Some(reason), None) => Some(format!("not ready: {reason}")),
        // The kubelet gives reasons. Where it is away, the node's controller says no more than this.
        _ => Some("not ready, by no word of its own: its node may be gone".to_owned()),
    }
}

/// How a container of the pod ended last.
pub(crate) fn last_end(pod: &Pod) -> Option<String> {
    let mut containers = pod
        .status
        .iter()
        .flat_map(|s| s.container_statuses.iter().flatten());
    let container = containers.find(|c| c.restart_count > 0)?;
    Some(container_trouble(container))
}

fn container_trouble(container: &ContainerStatus) -> String {
    let state = container.state.as_ref();
    let ended = container
        .last_state
        .as_ref()
        .and_then(|s| s.terminated.as_ref());
    let ended = state.and_then(|s| s.terminated.as_ref()).or(ended);
    if let Some(ended) = ended {
        let words = ended
            .message
            .as_deref()
            .map(|m| format!(": {}", quote(m)))
            .unwrap_or_default();
        return format!(
            "exited with code {}, {} restarts{words}",
            ended.exit_code, container.restart_count
        );
    }
    if let Some(waiting) = state.and_then(|s| s.waiting.as_ref()) {
        let reason = waiting.reason.as_deref().unwrap_or("waiting");
        return waiting
            .message
            .as_deref()
            .map_or_else(|| reason.to_owned(), |m| format!("{reason}: {}", quote(m)));
    }
    "runs, but its readiness probe does not pass yet".to_owned()
}

pub(crate) fn quote(text: &str) -> String {
    let line = text.trim().lines().last().unwrap_or_default();
    if line.chars().count() <= QUOTE {
        return line.to_owned();
    }
    let head: String = line.chars().take(QUOTE).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::pod_trouble;

    fn trouble(ready: Value, containers: Value) -> Option<String> {
        let status = json!({"conditions": [ready], "containerStatuses": containers});
        pod_trouble(&from_value(json!({"metadata": {}, "status": status})).unwrap())
    }

    #[test]
    fn a_pod_that_is_not_ready_without_a_container_says_why() {
        let unready = |reason: Value, message: Value| json!({"type": "Ready", "status": "False", "reason": reason, "message": message});
        let gone = trouble(unready(Value::Null, Value::Null), json!([])).unwrap();
        assert!(gone.contains("its node may be gone"), "{gone}");
        let gates = unready(
            json!("ReadinessGatesNotReady"),
            json!("gate \"x\" is not met"),
        );
        let gates = trouble(gates, json!([])).unwrap();
        assert_eq!(gates, "not ready: gate \"x\" is not met");
        let starting = unready(
            json!("ContainersNotReady"),
            json!("containers with unready status: [c]"),
        );
        let container =
            json!([{"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0}]);
        let probed = trouble(starting.clone(), container).unwrap();
        assert!(probed.contains("readiness probe"), "{probed}");
        assert_eq!(trouble(starting, json!([])), None);
    }
}
