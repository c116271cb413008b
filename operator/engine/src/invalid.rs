use std::collections::BTreeSet;

use changeover_crds::{ExchangeReleaseSpec, HttpMethod, names};

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
        let mut paths = service.smoke.iter().flat_map(|probe| probe.expect.json.keys());
        paths.find_map(|path| {
            let why = jsonpath::parse(path).err()?;
            Some(format!("service {name}: smoke expects {path}: {why}"))
        })
    })
}
