//! What runs beside the operator: Deployments make pods, pods become ready or fail as their image
//! says, Services get EndpointSlices, orphans are collected. Each consequence takes one tick.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use changeover_kubernetes_model::Object;
use serde_json::{Value, json};

use super::api::{Api, name_of, uid_of};
use super::controllers::{collect, slices};

/// The node of pods whose end nobody confirms.
pub const GONE: &str = "gone";

/// What becomes of the pods of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Ready after so many ticks.
    Ready(u32),
    /// The first pod of each service is ready after a tick, the others never are.
    OnlyOneReady,
    /// Runs, and its readiness probe never passes.
    NeverReady,
    ImageMissing,
    Crashes(&'static str),
    /// A quota refuses any more pods.
    Quota,
    /// No node has room.
    Unschedulable,
}

/// Ticks after which a pod is ready or will never be so by itself.
const GROWN: u32 = 6;

/// What the cluster moves by, beside its objects and its pods' ages.
type MovesBy = (
    BTreeMap<String, Fate>,
    BTreeSet<String>,
    [bool; 2],
    BTreeMap<String, i64>,
);

/// What the status of a pod follows from: its fate, whether it is ready, and restarts of its container.
type Shown = (Fate, bool, i64);

#[derive(Clone, Default)]
pub struct Cluster {
    /// By image; what is not named is ready after one tick.
    pub fates: BTreeMap<String, Fate>,
    /// Uids of pods that lost their readiness.
    pub broken: BTreeSet<String>,
    /// EndpointSlices stay as they are.
    pub frozen: bool,
    /// How often the containers of an image restarted.
    restarts: BTreeMap<String, i64>,
    /// Addresses of Services that are gone are not given out again.
    pub keeps_addresses: bool,
    ticks: u32,
    /// The version of the API, and the rest that moves things, at which nothing moved.
    still: Option<(u64, MovesBy)>,
    /// The tick after which each pod was there, by uid.
    born: BTreeMap<String, u32>,
    /// Pods that were ever made, by Deployment.
    made: BTreeMap<String, u64>,
    /// How often Services, pods and slices had changed when the slices were as they should be.
    sliced: Option<[u64; 3]>,
    /// What the status of each pod says, by uid.
    shown: BTreeMap<String, Shown>,
}

impl Cluster {
    /// Pods that were ever made.
    pub fn made(&self) -> u64 {
        self.made.values().sum()
    }

    /// The containers of an image end and start anew.
    pub fn restart(&mut self, image: &str) {
        *self.restarts.entry(image.to_owned()).or_default() += 1;
    }

    /// One step of everything. Whether anything changed, or still will.
    pub fn tick(&mut self, api: &mut Api, now: &str) -> bool {
        self.ticks += 1;
        let moves_by = (api.version, self.moves_by());
        if self.still.as_ref() == Some(&moves_by) {
            return false;
        }
        let moved = self.move_on(api, now);
        self.still = (!moved).then_some(moves_by);
        moved
    }

    fn moves_by(&self) -> MovesBy {
        let Self {
            fates,
            broken,
            frozen,
            keeps_addresses,
            restarts,
            ..
        } = self;
        (
            fates.clone(),
            broken.clone(),
            [*frozen, *keeps_addresses],
            restarts.clone(),
        )
    }

    /// Adds to a digest what moves things beside objects.
    pub fn add_to(&self, pods: &BTreeSet<&str>, sum: &mut impl Hasher) {
        (self.moves_by(), &self.made).hash(sum);
        let born = self
            .born
            .iter()
            .filter(|(uid, _)| pods.contains(uid.as_str()));
        born.for_each(|(uid, born)| (uid, (self.ticks - born).min(GROWN)).hash(sum));
    }

    fn move_on(&mut self, api: &mut Api, now: &str) -> bool {
        let before = api.version;
        self.slices(api, now);
        if !self.keeps_addresses {
            api.free_addresses();
        }
        let counting = self.pods(api);
        self.deployments(api, now);
        collect(api, now);
        counting || api.version != before
    }

    fn slices(&mut self, api: &mut Api, now: &str) {
        let changes =
            |api: &Api| ["Service", "Pod", "EndpointSlice"].map(|k| api.objects.changes(k));
        let seen = Some(changes(api));
        if !self.frozen && self.sliced != seen {
            slices(api, now);
            self.sliced = seen.filter(|seen| *seen == changes(api));
        }
    }

    fn fate(&self, template: &Value) -> Fate {
        let image = template["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap_or_default();
        let fate = self.fates.get(image).copied().unwrap_or(Fate::Ready(1));
        assert!(!matches!(fate, Fate::Ready(after) if after + 1 >= GROWN));
        fate
    }

    fn pods(&mut self, api: &mut Api) -> bool {
        let mut counting = false;
        for pod in api.held("Pod").values() {
            let (name, uid) = (name_of(pod), uid_of(pod));
            if pod["spec"]["nodeName"] == GONE {
                continue;
            }
            if !pod["metadata"]["deletionTimestamp"].is_null() {
                api.remove(&("Pod", name));
                self.shown.remove(&uid);
                continue;
            }
            let age = self.ticks - *self.born.entry(uid.clone()).or_insert(self.ticks - 1);
            let fate = match self.fate(pod) {
                Fate::OnlyOneReady if name.ends_with("-1") => Fate::Ready(1),
                Fate::OnlyOneReady => Fate::NeverReady,
                // It takes nothing from the pods that are there.
                Fate::Quota => Fate::Ready(1),
                fate => fate,
            };
            counting |= matches!(fate, Fate::Ready(after) if age <= after + 1);
            let ready =
                matches!(fate, Fate::Ready(after) if age > after) && !self.broken.contains(&uid);
            let image = pod["spec"]["containers"][0]["image"].as_str();
            let restarts = image.and_then(|i| self.restarts.get(i)).copied();
            let shows = (fate, ready, restarts.unwrap_or(0));
            if self.shown.insert(uid, shows) != Some(shows) {
                api.set_status("Pod", &name, status(&name, shows));
            }
        }
        counting
    }

    fn deployments(&mut self, api: &mut Api, now: &str) {
        for deployment in api.held("Deployment").values() {
            let template = &deployment["spec"]["template"];
            let desired =
                usize::try_from(deployment["spec"]["replicas"].as_i64().unwrap_or(0)).unwrap();
            let uid = uid_of(deployment);
            let pods = api.held("Pod");
            let is_its = |p: &&Arc<Object>| {
                p["metadata"]["ownerReferences"][0]["uid"] == uid.as_str()
                    && p["metadata"]["deletionTimestamp"].is_null()
            };
            let pods: Vec<&Arc<Object>> = pods.values().filter(is_its).collect();
            let (current, old): (Vec<&Arc<Object>>, Vec<_>) =
                pods.iter().partition(|p| p["spec"] == template["spec"]);
            let refused = self.fate(template) == Fate::Quota && current.len() < desired;
            if !refused {
                // maxUnavailable 0: an old pod goes when a new one is ready.
                let create = desired.saturating_sub(current.len());
                let create = if old.is_empty() {
                    create
                } else {
                    create.min(1)
                };
                for _ in 0..create {
                    self.pod(api, deployment, now);
                }
            }
            let ready = current.iter().filter(|p| is_ready(p)).count();
            let surplus = (ready + old.len()).saturating_sub(desired).min(old.len());
            let excess = current.len().saturating_sub(desired);
            let doomed = old.iter().take(surplus).chain(current.iter().take(excess));
            for pod in doomed {
                api.edit("Pod", &name_of(pod), |p| {
                    p["metadata"]["deletionTimestamp"] = now.into();
                });
            }
            let ready = pods.iter().filter(|p| is_ready(p)).count();
            let mut status = json!({"readyReplicas": ready, "replicas": pods.len()});
            if refused {
                status["conditions"] = json!([{"type": "ReplicaFailure", "status": "True",
                    "reason": "FailedCreate", "message": "pods is forbidden: exceeded quota: pods"}]);
            }
            if deployment["status"] != status {
                api.set_status("Deployment", &name_of(deployment), status);
            }
        }
    }

    fn pod(&mut self, api: &mut Api, deployment: &Value, now: &str) {
        let made = self.made.entry(name_of(deployment)).or_default();
        *made += 1;
        let name = format!("{}-{made}", name_of(deployment));
        let template = &deployment["spec"]["template"];
        let pod = json!({
            "apiVersion": "v1",
            "metadata": {
                "namespace": "shop",
                "labels": template["metadata"]["labels"],
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet",
                    "name": name_of(deployment), "uid": uid_of(deployment), "controller": true}],
            },
            "spec": template["spec"],
            "status": {},
        });
        api.create(("Pod", name), pod, now).unwrap();
    }
}

fn status(pod: &str, (fate, ready, restarts): Shown) -> Value {
    let mut status = json!({
        "conditions": conditions(fate, ready),
        "containerStatuses": containers(fate, ready, restarts),
    });
    if fate != Fate::Unschedulable {
        status["podIP"] = address(pod).into();
    }
    status
}

/// An address for a pod of this name.
fn address(name: &str) -> String {
    let hash = |sum: u16, byte| sum.wrapping_mul(31).wrapping_add(u16::from(byte));
    let [a, b] = name.bytes().fold(7, hash).to_be_bytes();
    format!("10.1.{a}.{b}")
}

fn conditions(fate: Fate, ready: bool) -> Value {
    let word = |b: bool| if b { "True" } else { "False" };
    if fate == Fate::Unschedulable {
        return json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient memory."}]);
    }
    json!([{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": word(ready)}])
}

fn containers(fate: Fate, ready: bool, restarts: i64) -> Value {
    let mut status = json!({"name": "service", "image": "", "imageID": "", "ready": ready,
        "restartCount": restarts, "state": {"running": {}}});
    match fate {
        Fate::ImageMissing => {
            status["state"] = json!({"waiting": {"reason": "ImagePullBackOff",
                "message": "Back-off pulling image"}});
        }
        Fate::Crashes(message) => {
            status["restartCount"] = 4.into();
            status["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
            status["lastState"] = json!({"terminated": {"exitCode": 1, "message": message}});
        }
        Fate::Unschedulable => return json!([]),
        Fate::Ready(_) | Fate::OnlyOneReady | Fate::NeverReady | Fate::Quota => {}
    }
    json!([status])
}

pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    pod["metadata"]["deletionTimestamp"].is_null()
        && conditions
            .into_iter()
            .flatten()
            .any(|c| c["type"] == "Ready" && c["status"] == "True")
}
