//! What people do to a world.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::api::{name_of, uid_of};
use super::cluster::{Fate, GONE};
use super::shell::Shell;
use super::world::{RELEASE, World};

impl World {
    pub fn create_release(&mut self, spec: Value) {
        let release = json!({"apiVersion": "changeover.dev/v1alpha1", "spec": spec,
            "metadata": {"namespace": "shop"}});
        let now = self.now();
        let key = ("ExchangeRelease", RELEASE.to_owned());
        self.api.create(key, release, &now).unwrap();
    }

    /// It is deleted, and another created under its name, of which the operator has no notes.
    pub fn replace_release(&mut self, spec: Value) {
        // Only the operator's clock jumps: to the API server what is made later is younger.
        let made = self.raw("ExchangeRelease", RELEASE)["metadata"]["creationTimestamp"].as_str();
        let made: Option<Timestamp> = made.and_then(|made| made.parse().ok());
        let later = made.and_then(|made| made.checked_add(SignedDuration::from_secs(1)).ok());
        self.clock = self.clock.max(later.unwrap_or(self.clock));
        self.delete("ExchangeRelease", RELEASE);
        self.shell = Shell::default();
        self.create_release(spec);
    }

    /// `kubectl apply` of another spec.
    pub fn apply(&mut self, spec: Value) {
        self.api
            .edit("ExchangeRelease", RELEASE, |r| r["spec"] = spec);
    }

    /// `kubectl create` of something that is not the release's.
    pub fn create(&mut self, kind: &'static str, name: &str) {
        let object = json!({"metadata": {"namespace": "shop"}});
        let now = self.now();
        self.api
            .create((kind, name.to_owned()), object, &now)
            .unwrap();
    }

    /// `kubectl delete` of a child, or of anything.
    pub fn delete(&mut self, kind: &'static str, name: &str) {
        self.api.remove(&(kind, name.to_owned()));
    }

    pub fn edit(&mut self, kind: &'static str, name: &str, change: impl FnOnce(&mut Value)) {
        self.api.checker.edited(kind, name);
        self.api.edit(kind, name, change);
    }

    pub fn fate(&mut self, image: &str, fate: Fate) {
        self.cluster.fates.insert(image.to_owned(), fate);
    }

    /// Pods of a colour lose their readiness.
    pub fn break_pods(&mut self, colour: &str) {
        let is_in = |p: &&Value| p["metadata"]["labels"]["changeover.dev/colour"] == colour;
        let uids: Vec<String> = self.api.list("Pod").filter(is_in).map(uid_of).collect();
        self.cluster.broken.extend(uids);
        self.tick();
        self.tick();
    }

    /// `kubectl delete pod` of one pod: it ends with its grace period.
    pub fn delete_a_pod(&mut self, service: &str, colour: &str) {
        let prefix = format!("{RELEASE}-{service}-{colour}-");
        let mut names = self.api.list("Pod").map(name_of);
        let name = names.find(|n| n.starts_with(&prefix));
        drop(names);
        if let Some(name) = name {
            let now = self.now();
            self.edit("Pod", &name, |p| {
                p["metadata"]["deletionTimestamp"] = now.into();
            });
        }
    }

    /// The node of a pod is gone: the pod is evicted, and nobody confirms its end.
    pub fn lose_the_node_of(&mut self, pod: &str) {
        let now = self.now();
        self.edit("Pod", pod, |p| {
            p["metadata"]["deletionTimestamp"] = now.into();
            p["spec"]["nodeName"] = GONE.into();
        });
    }

    /// `kubectl annotate`.
    pub fn annotate(&mut self, name: &str, value: &str) {
        self.api.edit("ExchangeRelease", RELEASE, |r| {
            r["metadata"]["annotations"][format!("changeover.dev/{name}")] = value.into();
        });
        if name == "promote" {
            self.api.checker.approved(value);
        }
    }
}
