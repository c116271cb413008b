//! A stored revision that someone deleted, from what stands of it: the way back must not depend on one object.

use changeover_crds::{ColourStatus, names};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;
use serde_json::Value;

use crate::revision::{Plan, StoredRevision, StoredService, is_short_of};
use crate::template::CONTAINER;
use crate::world::{World, label, named};

/// What the children of a colour say of its revision; `None` unless all of them stand. How it was to be judged and
/// drained they do not say: as the spec says now.
pub(crate) fn salvaged(world: World<'_>, role: &ColourStatus) -> Option<StoredRevision> {
    let known = role.services.iter();
    let services: Option<Vec<_>> = known.map(|s| service(world, role, &s.name)).collect();
    Some(StoredRevision {
        revision: role.revision.clone(),
        version: role.version.clone(),
        services: services.filter(|services| !services.is_empty())?,
        plan: Plan::of(&world.release().spec),
    })
}

fn service(world: World<'_>, role: &ColourStatus, name: &str) -> Option<StoredService> {
    let deployment = world.deployment(name, role.colour)?;
    let is_its = label(deployment, names::REVISION).is_some_and(|r| is_short_of(r, &role.revision));
    let spec = deployment.spec.as_ref().filter(|_| is_its)?;
    let config_map = names::config_map(&world.name(), name, &role.revision);
    let config_map = named(&world.obs.config_maps, &config_map).filter(|c| world.is_ours(*c))?;
    let mut containers = spec.template.spec.as_ref()?.containers.iter();
    let container = containers.find(|c| c.name == CONTAINER)?;
    Some(StoredService {
        name: name.to_owned(),
        port: port(container, "http")?,
        admin_port: port(container, "admin"),
        replicas: spec.replicas?,
        config: config_map.data.clone().unwrap_or_default(),
        template: template(deployment)?,
    })
}

fn port(container: &Container, name: &str) -> Option<i32> {
    let mut ports = container.ports.iter().flatten();
    let port = ports.find(|port| port.name.as_deref() == Some(name))?;
    Some(port.container_port)
}

/// The template without the colour's label, as it is stored.
fn template(deployment: &Deployment) -> Option<Value> {
    let mut template = deployment.spec.as_ref()?.template.clone();
    template
        .metadata
        .as_mut()?
        .labels
        .as_mut()?
        .remove(names::COLOUR);
    serde_json::to_value(template).ok()
}
