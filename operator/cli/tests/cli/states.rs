//! The states of a release that lie in `tests/cli/screens`: each a merge patch of `base.yaml`.

use std::path::{Path, PathBuf};

use changeover_cli::view::Pods;
use changeover_crds::{ExchangeRelease, ExchangeReleaseStatus, ResourceExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

/// A release and its pods.
pub struct State {
    pub release: ExchangeRelease,
    pub pods: Pods,
}

impl State {
    pub fn read(name: &str) -> Self {
        let mut state = yaml("base");
        json_patch::merge(&mut state, &yaml(name));
        let hidden = state["podsHidden"].as_str();
        Self {
            release: serde_json::from_value(state["release"].clone()).unwrap(),
            pods: hidden.map_or_else(|| Ok(pods(&state)), |why| Err(why.to_owned())),
        }
    }
}

fn pods(state: &Value) -> Vec<Pod> {
    let pods = state["pods"].as_object().into_iter().flatten();
    let pods = pods.map(|(name, pod)| {
        let mut pod = pod.clone();
        pod["metadata"]["name"] = name.as_str().into();
        serde_json::from_value(pod).unwrap()
    });
    pods.collect()
}

/// The release alone.
pub fn release(name: &str) -> ExchangeRelease {
    State::read(name).release
}

/// The release once `change` has been at its status.
pub fn changed(
    release: &ExchangeRelease,
    change: impl FnOnce(&mut ExchangeReleaseStatus),
) -> ExchangeRelease {
    let mut release = release.clone();
    change(release.status.get_or_insert_default());
    release
}

/// The release with an annotation.
pub fn annotated(release: &ExchangeRelease, name: &str, value: &str) -> ExchangeRelease {
    let mut release = release.clone();
    let annotations = release.annotations_mut();
    annotations.insert(name.to_owned(), value.to_owned());
    release
}

fn yaml(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap();
    serde_yaml_ng::from_str(&text).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/screens")
}

/// All of them.
pub fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let yaml = files.filter(|file| file.extension().is_some_and(|e| e == "yaml"));
    let names = yaml.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    names.filter(|name| name != "base").collect()
}

/// The time at which they are looked at.
pub fn now() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().unwrap()
}
