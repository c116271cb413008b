//! The cluster as the checker reads it: raw JSON, with rules written down independently of the engine.

use std::collections::BTreeMap;

use serde_json::Value;

use super::api::{Api, uid_of};
use super::cluster::is_ready;
use super::controllers::selects;

#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub api: &'a Api,
}

impl<'a> Reading<'a> {
    pub fn release(self) -> &'a Value {
        static NOTHING: Value = Value::Null;
        self.api.list("ExchangeRelease").next().unwrap_or(&NOTHING)
    }

    /// Whether an object is this release's, and not a deleted namesake's.
    pub fn owns(self, object: &Value) -> bool {
        let owner = &object["metadata"]["ownerReferences"][0]["uid"];
        *owner == self.release()["metadata"]["uid"]
    }

    /// The status. Of one that someone erased the operator goes on from what was in it until the watch shows that: as
    /// if it had written before.
    pub fn status(self) -> &'a Value {
        let status = &self.release()["status"];
        let behind = self.api.behind.as_ref().filter(|_| status.is_null());
        behind.map_or(status, |shown| &shown["status"])
    }

    pub fn live_services(self) -> impl Iterator<Item = &'a Value> {
        self.api
            .list("Service")
            .filter(|s| label(s, "role") == "live")
    }

    pub fn live_service(self, service: &str) -> Option<&'a Value> {
        self.live_services()
            .find(|s| label(s, "service") == service)
    }

    /// Pods that the spec asks for, if it names the service.
    pub fn spec_replicas(self, service: &str) -> Option<i64> {
        self.service(service)?["replicas"].as_i64()
    }

    fn service(self, service: &str) -> Option<&'a Value> {
        let services = self.release()["spec"]["services"].as_array()?;
        services.iter().find(|s| s["name"] == service)
    }

    /// Paths of the smoke probes that the spec names, by service.
    pub fn smoke_paths(self) -> BTreeMap<String, Vec<String>> {
        let services = self.release()["spec"]["services"].as_array();
        let entry = |s: &Value| {
            (
                s["name"].as_str().unwrap_or_default().to_owned(),
                paths(&s["smoke"]),
            )
        };
        services.into_iter().flatten().map(entry).collect()
    }

    /// Names of the journeys that the spec names.
    pub fn journeys(self) -> Vec<String> {
        let journeys = self.release()["spec"]["verification"]["journeys"].as_array();
        let names = journeys
            .into_iter()
            .flatten()
            .filter_map(|j| j["name"].as_str());
        names.map(str::to_owned).collect()
    }

    /// Paths of the smoke probes that are stored with a revision.
    pub fn stored_smoke(self, service: &str, role: &Value) -> Vec<String> {
        let mut revisions = self.api.list("ControllerRevision");
        let Some(stored) = revisions.find(|r| r["data"]["revision"] == role["revision"]) else {
            return Vec::new();
        };
        let changed = stored["metadata"]["annotations"]["changeover.dev/plan"].as_str();
        let changed = changed.map(|plan| serde_json::from_str(plan).unwrap());
        let plan = changed.unwrap_or_else(|| stored["data"]["plan"].clone());
        let mut smoke = plan["smoke"].as_array().into_iter().flatten();
        let own = smoke.find(|s| s["service"] == service);
        own.map(|own| paths(&own["probes"])).unwrap_or_default()
    }

    /// Pods of a service that are stored with a revision, of which these are the digits in labels.
    pub fn stored_replicas(self, service: &str, revision: &str) -> Option<i64> {
        let mut stored = self.api.list("ControllerRevision").map(|r| &r["data"]);
        let data = stored.find(|data| short(&data["revision"]) == revision)?;
        let mut services = data["services"].as_array()?.iter();
        services.find(|s| s["name"] == service)?["replicas"].as_i64()
    }

    /// Uids of ready pods of one service in one colour that its pinned Service shows as ready.
    pub fn ready(self, service: &str, colour: &str) -> Vec<String> {
        let pinned = format!("shop-{service}-{colour}-v4");
        let listed: Vec<&str> = self
            .api
            .get("EndpointSlice", &pinned)
            .and_then(|s| s["endpoints"].as_array())
            .into_iter()
            .flatten()
            .filter(|e| e["conditions"]["ready"] == true)
            .filter_map(|e| e["targetRef"]["uid"].as_str())
            .collect();
        self.api
            .list("Pod")
            .filter(|p| label(p, "service") == service && label(p, "colour") == colour)
            .filter(|p| is_ready(p))
            .map(uid_of)
            .filter(|uid| listed.contains(&uid.as_str()))
            .collect()
    }

    /// At least half of what is asked for, and at least one.
    pub fn can_serve(self, service: &str, colour: &str) -> bool {
        let deployment = self
            .api
            .get("Deployment", &format!("shop-{service}-{colour}"));
        let scale = deployment.and_then(|d| d["spec"]["replicas"].as_i64());
        let desired = self.spec_replicas(service).or(scale).unwrap_or(1);
        let ready = i64::try_from(self.ready(service, colour).len()).unwrap();
        ready >= 1 && ready * 2 >= desired
    }

    /// Whether every service that a colour has can serve. A colour of no role serves nobody.
    pub fn colour_serves(self, colour: &str) -> bool {
        let status = self.status();
        let mut roles = ["live", "candidate", "warm"]
            .map(|role| &status[role])
            .into_iter();
        let role = roles.find(|role| role["colour"] == colour);
        let services = role.and_then(|role| role["services"].as_array());
        services.is_some_and(|services| {
            let mut names = services.iter().filter_map(|s| s["name"].as_str());
            names.all(|name| self.can_serve(name, colour))
        })
    }

    /// Whether enough ready pods stand behind a selector.
    pub fn selected_serve(self, service: &str, selector: &Value) -> bool {
        let behind = |p: &&Value| is_ready(p) && selects(selector, &p["metadata"]["labels"]);
        let ready = i64::try_from(self.api.list("Pod").filter(behind).count()).unwrap();
        ready >= 1 && ready * 2 >= self.spec_replicas(service).unwrap_or(1)
    }

    /// What the status says that clients use, or that the journal may need.
    pub fn needed_roles(self) -> Vec<&'a Value> {
        let status = self.status();
        let is_moving = status["phase"] == "Switching" || status["phase"] == "RollingBack";
        let candidate = is_moving.then_some(&status["candidate"]);
        [Some(&status["live"]), Some(&status["warm"]), candidate]
            .into_iter()
            .flatten()
            .filter(|role| !role.is_null())
            .collect()
    }

    /// Pods in the colour of these labels that are of another revision and not on their way out.
    pub fn strangers(self, labels: &Value) -> usize {
        let is_stranger = |p: &&Value| {
            let theirs = &p["metadata"]["labels"];
            p["metadata"]["deletionTimestamp"].is_null()
                && !p["metadata"]["ownerReferences"].is_null()
                && theirs["changeover.dev/colour"] == labels["changeover.dev/colour"]
                && theirs["changeover.dev/revision"] != labels["changeover.dev/revision"]
        };
        self.api.list("Pod").filter(is_stranger).count()
    }
}

pub fn label<'o>(object: &'o Value, key: &str) -> &'o str {
    let labels = &object["metadata"]["labels"];
    labels[format!("changeover.dev/{key}")]
        .as_str()
        .unwrap_or_default()
}

/// The ten digits of a revision that stand in labels.
pub fn short(revision: &Value) -> &str {
    let text = revision.as_str().unwrap_or_default();
    text.get(3..13).unwrap_or_default()
}

fn paths(probes: &Value) -> Vec<String> {
    let path = |p: &Value| p["path"].as_str().unwrap_or_default().to_owned();
    probes.as_array().into_iter().flatten().map(path).collect()
}
