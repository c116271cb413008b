use std::collections::{BTreeMap, BTreeSet};

use changeover_crds::{ExchangeRelease, ExchangeReleaseSpec, HttpMethod, ResourceExt, names};

use crate::memo::Stored;
use crate::observation::Observation;
use crate::revision::StoredService;
use crate::world::{is_of, named};
use crate::{journey, jsonpath};

/// What the schema cannot express: why this spec cannot be carried out, and what to change.
pub(crate) fn invalid(spec: &ExchangeReleaseSpec) -> Option<String> {
    let injected: BTreeSet<String> = ["EXCHANGE_COLOUR".to_owned(), "EXCHANGE_REVISION".to_owned()]
        .into_iter()
        .chain(spec.services.iter().map(|s| names::url_variable(&s.name)))
        .collect();
    let mut journeys = spec.verification.journeys.iter();
    if let Some(why) = journeys.find_map(|j| journey::invalid(j, &spec.services)) {
        return Some(why);
    }
    spec.services.iter().find_map(|service| {
        let name = &service.name;
        let mut keys = service.config.keys().chain(service.env.iter().map(|v| &v.name));
        if let Some(key) = keys.find(|key| injected.contains(*key)) {
            return Some(format!("service {name}: {key} is set by the operator: choose another name in config and env"));
        }
        let mut bodiless = service.smoke.iter().filter(|probe| probe.method == HttpMethod::Head);
        if let Some(probe) = bodiless.find(|probe| !probe.expect.json.is_empty()) {
            return Some(format!("service {name}: smoke expects JSON of HEAD {}, which has no body: use GET", probe.path));
        }
        service.smoke.iter().find_map(|probe| {
            let why = probe.expect.json.keys().find_map(|path| jsonpath::parse(path).err())?;
            Some(format!("service {name}: smoke of {}: {why}", probe.path))
        })
    })
}

/// A revision that cannot be told from another one that stands: names and labels hold the first digits of its hash,
/// and a text that gives the same can be found in seconds. What was looked at and what would run were two things.
pub(crate) fn confused(
    release: &ExchangeRelease,
    wanted: &str,
    stored: &BTreeMap<String, Stored>,
) -> Option<String> {
    let name = names::stored_revision(&release.name_any(), wanted);
    let other = &stored.get(&name)?.revision.revision;
    (other != wanted).then(|| {
        format!("revision {wanted} begins as {other} does, which stands as ControllerRevision {name}: set spec.restart to any other text")
    })
}

/// A port in the spec that differs from the one of what stands, and what to do. The schema sees a change of it, but
/// not where the service was out of the spec in between: until its old version has gone, its live Service, and with
/// it the port that clients use, stays as it was.
pub(crate) fn moved(obs: &Observation, stored: &BTreeMap<String, Stored>) -> Option<String> {
    let release = &obs.release;
    let status = release.status.iter();
    // The candidate of a revert is warm again if it is given up.
    let roles = status.flat_map(|s| {
        let candidate = s.candidate.as_ref().filter(|_| s.warm_until.is_some());
        [&s.live, &s.warm].into_iter().flatten().chain(candidate)
    });
    let objects = roles.map(|role| names::stored_revision(&release.name_any(), &role.revision));
    let serving: Vec<_> = objects.filter_map(|name| stored.get(&name)).collect();
    release.spec.services.iter().find_map(|service| {
        let name = &service.name;
        let live = names::live_service(&release.name_any(), name);
        let known: Vec<&StoredService> = serving.iter().filter_map(|s| s.revision.service(name)).collect();
        let mut ports: Vec<i32> = known.iter().map(|s| s.port).collect();
        if known.is_empty() {
            // Its colour has gone, and it goes next.
            let left = named(&obs.services, &live).filter(|s| is_of(release, *s));
            let left = left.and_then(|s| s.spec.as_ref()?.ports.as_ref()?.first());
            ports.extend(left.map(|port| port.port));
        }
        let differs = |field: &str, was: Option<i32>, is: Option<i32>| {
            let [was, is] = [was, is].map(|port| port.map_or_else(|| "none".to_owned(), |port| port.to_string()));
            Some(format!("service {name}: {field} cannot change from {was} to {is} while a version that has it stands: keep {was}, or release without {name} first and add it again once Service {live} has gone"))
        };
        if let Some(port) = ports.into_iter().find(|port| *port != service.port) {
            return differs("port", Some(port), Some(service.port));
        }
        let other = known.iter().find(|s| s.admin_port != service.admin_port)?;
        differs("adminPort", other.admin_port, service.admin_port)
    })
}
