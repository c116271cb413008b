//! Manifests of children. JSON literals, so that they read like the YAML people know.

use std::collections::BTreeMap;

use changeover_crds::{Colour, ExchangeRelease, ResourceExt, names};
use serde_json::{Value, json};

use crate::decision::{Child, Kind};
use crate::revision::{StoredRevision, StoredService};

/// Labels of a child, and (the `changeover.dev` ones) what selects its pods.
pub(crate) fn labels(
    release: &str,
    service: &str,
    revision: Option<&str>,
    colour: Option<Colour>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("app.kubernetes.io/name".to_owned(), service.to_owned()),
        ("app.kubernetes.io/instance".to_owned(), release.to_owned()),
        (
            "app.kubernetes.io/managed-by".to_owned(),
            names::MANAGER.to_owned(),
        ),
        (names::RELEASE.to_owned(), release.to_owned()),
        (names::SERVICE.to_owned(), service.to_owned()),
    ]);
    labels.extend(revision.map(|r| (names::REVISION.to_owned(), names::short_revision(r))));
    labels.extend(colour.map(|c| (names::COLOUR.to_owned(), c.as_str().to_owned())));
    labels
}

/// What selects the pods of one service in one colour and revision.
pub(crate) fn selector(
    release: &str,
    service: &str,
    revision: &str,
    colour: Colour,
) -> BTreeMap<String, String> {
    let mut selector = labels(release, service, Some(revision), Some(colour));
    selector.retain(|key, _| key.starts_with(names::GROUP));
    selector
}

/// The children of one release.
pub(crate) struct Renderer<'a> {
    release: &'a ExchangeRelease,
    name: String,
}

impl<'a> Renderer<'a> {
    pub(crate) fn new(release: &'a ExchangeRelease) -> Self {
        Self {
            release,
            name: release.name_any(),
        }
    }

    fn child(
        &self,
        kind: Kind,
        name: String,
        labels: BTreeMap<String, String>,
        rest: Value,
    ) -> Child {
        let mut manifest = json!({
            "apiVersion": kind.api_version(),
            "kind": kind.as_str(),
            "metadata": {
                "name": name,
                "namespace": self.release.namespace(),
                "labels": labels,
                "ownerReferences": [{
                    "apiVersion": "changeover.dev/v1alpha1",
                    "kind": "ExchangeRelease",
                    "name": self.name,
                    "uid": self.release.uid(),
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
            },
        });
        if let (Value::Object(manifest), Value::Object(rest)) = (&mut manifest, rest) {
            manifest.extend(rest);
        }
        Child {
            kind,
            name,
            manifest,
        }
    }

    /// The ControllerRevision. `number` orders revisions for `kubectl get controllerrevisions`.
    pub(crate) fn stored(&self, revision: &StoredRevision, number: i64) -> Child {
        let fields = json!({"data": revision, "revision": number});
        self.of_revision(&revision.revision, fields)
    }

    /// What is applied to the ControllerRevision of a revision whose plan has changed.
    pub(crate) fn planned(&self, revision: &str, plan: String) -> Child {
        let mut child = self.of_revision(revision, json!({}));
        if let Some(metadata) = child.manifest.get_mut("metadata") {
            set(metadata, "annotations", json!({names::PLAN: plan}));
        }
        child
    }

    fn of_revision(&self, revision: &str, fields: Value) -> Child {
        let mut labels = labels(&self.name, "", Some(revision), None);
        labels.retain(|key, value| !value.is_empty() && key != names::SERVICE);
        let name = names::stored_revision(&self.name, revision);
        self.child(Kind::ControllerRevision, name, labels, fields)
    }

    pub(crate) fn config_map(&self, revision: &str, service: &StoredService) -> Child {
        let labels = labels(&self.name, &service.name, Some(revision), None);
        let name = names::config_map(&self.name, &service.name, revision);
        self.child(
            Kind::ConfigMap,
            name,
            labels,
            json!({"data": service.config, "immutable": true}),
        )
    }

    pub(crate) fn deployment(
        &self,
        revision: &str,
        service: &StoredService,
        colour: Colour,
        replicas: i32,
    ) -> Child {
        let mut labels = labels(&self.name, &service.name, Some(revision), Some(colour));
        let generation = self.release.metadata.generation;
        labels.extend(generation.map(|g| (names::GENERATION.to_owned(), g.to_string())));
        let mut template = service.template.clone();
        if let Some(labels) = template.pointer_mut("/metadata/labels") {
            set(labels, names::COLOUR, colour.as_str().into());
        }
        let selector = selector(&self.name, &service.name, revision, colour);
        self.child(Kind::Deployment, names::coloured(&self.name, &service.name, colour), labels, json!({
            "spec": {
                "replicas": replicas,
                "revisionHistoryLimit": 0,
                "selector": {"matchLabels": selector},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
                "template": template,
            }
        }))
    }

    pub(crate) fn budget(&self, revision: &str, service: &StoredService, colour: Colour) -> Child {
        let labels = labels(&self.name, &service.name, Some(revision), Some(colour));
        let selector = selector(&self.name, &service.name, revision, colour);
        self.child(
            Kind::PodDisruptionBudget,
            names::coloured(&self.name, &service.name, colour),
            labels,
            json!({
                "spec": {
                    "maxUnavailable": 1,
                    "unhealthyPodEvictionPolicy": "AlwaysAllow",
                    "selector": {"matchLabels": selector},
                }
            }),
        )
    }

    pub(crate) fn pinned(&self, revision: &str, service: &StoredService, colour: Colour) -> Child {
        let mut labels = labels(&self.name, &service.name, Some(revision), Some(colour));
        labels.insert(names::ROLE.to_owned(), names::ROLE_PINNED.to_owned());
        self.child(
            Kind::Service,
            names::coloured(&self.name, &service.name, colour),
            labels,
            json!({
                "spec": {
                    "ports": ports(service),
                    "selector": selector(&self.name, &service.name, revision, colour),
                }
            }),
        )
    }

    /// A live Service without selector and epoch: these two are never in an apply configuration.
    pub(crate) fn live(&self, service: &StoredService) -> Child {
        let mut labels = labels(&self.name, &service.name, None, None);
        labels.insert(names::ROLE.to_owned(), names::ROLE_LIVE.to_owned());
        self.child(
            Kind::Service,
            names::live_service(&self.name, &service.name),
            labels,
            json!({
                "spec": {"ports": ports(service)}
            }),
        )
    }

    /// A live Service as it is created: with selector and epoch, and where it stood before, its address.
    pub(crate) fn new_live(
        &self,
        service: &StoredService,
        revision: &str,
        colour: Colour,
        epoch: i64,
        cluster_ip: Option<&str>,
    ) -> Child {
        let mut child = self.live(service);
        if let Some(metadata) = child.manifest.pointer_mut("/metadata") {
            set(
                metadata,
                "annotations",
                json!({names::EPOCH: epoch.to_string()}),
            );
        }
        if let Some(spec) = child.manifest.pointer_mut("/spec") {
            set(
                spec,
                "selector",
                json!(selector(&self.name, &service.name, revision, colour)),
            );
            if let Some(ip) = cluster_ip {
                set(spec, "clusterIP", ip.into());
            }
        }
        child
    }
}

fn ports(service: &StoredService) -> Value {
    json!([{"name": "http", "port": service.port, "targetPort": service.port, "protocol": "TCP"}])
}

pub(crate) fn set(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = object {
        map.insert(key.to_owned(), value);
    }
}
