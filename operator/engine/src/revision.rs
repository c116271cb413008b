//! What is stored of a revision.

use std::collections::BTreeMap;

use changeover_crds::{Drain, ExchangeReleaseSpec, ResourceExt, SmokeProbe, Verification, names};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hash::revision_of;
use crate::template;

/// A revision as it is stored in a ControllerRevision before its first child: rendered, so that a newer
/// operator that would render differently restarts no pod. Nothing in it depends on the colour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredRevision {
    /// `v1:` and the hash.
    pub revision: String,
    /// What people called it when it was stored.
    pub version: String,
    /// In the order of the spec.
    pub services: Vec<StoredService>,
    /// How it is judged and drained once the spec names another revision.
    #[serde(default)]
    pub plan: Plan,
}

/// How a revision is judged during and after its switch, and how clients leave the colour before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Smoke probes, for pods that join in the middle of the switch.
    #[serde(default)]
    pub smoke: Vec<Smoke>,
    /// Journeys and bake.
    pub verification: Verification,
    /// Quiet and deadline.
    pub drain: Drain,
}

/// The smoke probes of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Smoke {
    /// Name of the service.
    pub service: String,
    /// Its client port.
    pub port: i32,
    /// What every pod must pass.
    pub probes: Vec<SmokeProbe>,
}

impl Plan {
    /// The plan that the spec names.
    #[must_use]
    pub fn of(spec: &ExchangeReleaseSpec) -> Self {
        let smoke = spec.services.iter().map(|service| Smoke {
            service: service.name.clone(),
            port: service.port,
            probes: service.smoke.clone(),
        });
        Self {
            smoke: smoke.collect(),
            verification: spec.verification.clone(),
            drain: spec.drain.clone(),
        }
    }
}

/// One service of a stored revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredService {
    /// Name of the service.
    pub name: String,
    /// Client port.
    pub port: i32,
    /// Port of drain and role, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_port: Option<i32>,
    /// Pods, where the spec does not name the service any more.
    pub replicas: i32,
    /// Data of the ConfigMap.
    pub config: BTreeMap<String, String>,
    /// The pod template, without the colour's label.
    pub template: Value,
}

impl StoredRevision {
    /// Renders the spec.
    #[must_use]
    pub fn render(release: &str, spec: &ExchangeReleaseSpec) -> Self {
        let revision = revision_of(spec);
        let services = spec
            .services
            .iter()
            .map(|service| StoredService {
                name: service.name.clone(),
                port: service.port,
                admin_port: service.admin_port,
                replicas: service.replicas,
                config: service.config.clone(),
                template: template::pod_template(release, &revision, service, &spec.services),
            })
            .collect();
        Self {
            revision,
            version: spec.version.clone(),
            services,
            plan: Plan::of(spec),
        }
    }

    /// What a ControllerRevision holds, packed or not.
    #[must_use]
    pub fn of(object: &ControllerRevision) -> Option<Self> {
        let mut stored: Self = match &object.data.as_ref()?.0 {
            Value::String(packed) => serde_json::from_str(packed).ok(),
            data => Self::deserialize(data).ok(),
        }?;
        let changed = object.annotations().get(names::PLAN);
        if let Some(plan) = changed.and_then(|plan| serde_json::from_str(plan).ok()) {
            stored.plan = plan;
        }
        Some(stored)
    }

    /// The service of that name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&StoredService> {
        self.services.iter().find(|s| s.name == name)
    }
}

/// Makes a ControllerRevision small, where many are kept: as text, a document of many small maps takes a tenth.
pub fn pack(object: &mut ControllerRevision) {
    if let Some(RawExtension(data)) = &mut object.data
        && !data.is_string()
    {
        *data = Value::String(data.to_string());
    }
}

/// Whether a label value names this revision.
pub(crate) fn is_short_of(label: &str, revision: &str) -> bool {
    label == names::short_revision(revision)
}

#[cfg(test)]
mod tests {
    use changeover_crds::ExchangeReleaseSpec;
    use k8s_openapi::api::apps::v1::ControllerRevision;

    use super::{StoredRevision, pack};

    #[test]
    fn a_packed_revision_is_the_same() {
        let services = serde_json::json!([{"name": "user", "image": "u:1", "port": 8080}]);
        let spec = serde_json::json!({"version": "1", "services": services});
        let spec: ExchangeReleaseSpec = serde_json::from_value(spec).unwrap();
        let stored = StoredRevision::render("exchange", &spec);
        let object = serde_json::json!({"revision": 1, "data": stored});
        let mut object: ControllerRevision = serde_json::from_value(object).unwrap();
        let unpacked = object.clone();
        pack(&mut object);
        assert_ne!(object, unpacked);
        pack(&mut object);
        for object in [object, unpacked] {
            assert_eq!(StoredRevision::of(&object).as_ref(), Some(&stored));
        }
    }
}
