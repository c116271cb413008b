//! What was read, and for how long it is gone on from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use changeover_engine::{Children, Reads};
use kube::core::WatchEvent;
use serde_json::{Value, json};

use super::{UID, begun, recalled, seen, shown};
use crate::memory::read::{FRESH, LOOK};
use crate::shown::Shown;

#[test]
fn the_api_server_is_looked_at_once_a_minute() {
    let memory = begun();
    let start = Instant::now();
    let due = |after: Duration| memory.must_look(UID, start + after);
    assert!(
        !due(Duration::ZERO),
        "new here: the watches have just read it"
    );
    assert!(!due(LOOK - Duration::from_secs(1)));
    assert!(due(LOOK));
    memory.looked(UID, Children::Readiness, start + LOOK);
    assert!(due(LOOK), "not everything was read");
    memory.looked(UID, Children::Everything, start + LOOK);
    assert!(!due(LOOK));
    assert!(due(LOOK * 2));
}

#[test]
fn what_was_read_is_gone_on_from_for_a_moment() {
    let memory = begun();
    let start = Instant::now();
    let covers = |reads, after| memory.covers(UID, reads, start + after);
    let (soon, later) = (FRESH / 2, FRESH);
    assert!(covers(Reads::NOTHING, Duration::ZERO));
    assert!(!covers(Reads::RELEASE, Duration::ZERO), "nothing was read");
    memory.learn(UID, seen(&[], 1).release, start);
    assert!(covers(Reads::RELEASE, soon));
    assert!(
        !covers(Reads::of(Children::Services), soon),
        "no child was read"
    );
    memory.looked(UID, Children::Readiness, start);
    assert!(covers(Reads::of(Children::Readiness), soon));
    assert!(
        !covers(Reads::of(Children::Services), soon),
        "others were read"
    );
    assert!(!covers(Reads::of(Children::Everything), soon));
    memory.looked(UID, Children::Everything, start);
    assert!(covers(Reads::EVERYTHING, soon));
    assert!(!covers(Reads::RELEASE, later), "too long ago");
    memory.learn(UID, seen(&[], 1).release, start + FRESH);
    assert!(covers(Reads::RELEASE, later), "written since");
    assert!(
        !covers(Reads::of(Children::Services), later),
        "too long ago"
    );
}

#[test]
fn a_release_that_was_read_before_its_children_may_not_know_of_its_end() {
    let memory = begun();
    let start = Instant::now();
    memory.learn(UID, seen(&[], 1).release, start);
    memory.looked(UID, Children::Readiness, start + FRESH / 4);
    let covers = |reads| memory.covers(UID, reads, start + FRESH / 2);
    assert!(!covers(Reads::RELEASE));
    memory.learn(UID, seen(&[], 1).release, start + FRESH / 4);
    assert!(covers(Reads::RELEASE));
}

#[test]
fn a_release_is_known_until_a_watch_shows_a_newer_one() {
    let memory = begun();
    let is_known = |version: &str| memory.known(&shown(version)).is_some();
    assert!(!is_known("7"), "never read");
    let mut release = seen(&[], 1).release;
    release.metadata.resource_version = Some("9".to_owned());
    memory.learn(UID, release, Instant::now());
    assert!(is_known("7"), "a slow watch");
    assert!(is_known("9"));
    assert!(!is_known("10"), "a person changed it");
    memory.unlearn(None);
    assert!(!is_known("9"), "a watch began anew");
}

/// The event of the watch, as it comes.
fn event(version: &str, spec: &Value) -> Shown {
    let metadata = json!({"name": "exchange", "uid": UID, "resourceVersion": version});
    let object = json!({"metadata": metadata, "spec": spec});
    let line = format!(r#"{{"type":"MODIFIED","object":{object}}}"#);
    match serde_json::from_str(&line).unwrap() {
        WatchEvent::Modified(shown) => shown,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_watch_shows_of_a_known_release_is_gone_on_from() {
    let memory = begun();
    let mut release = seen(&[], 1).release;
    let spec = |version: &str| {
        let mut spec = serde_json::to_value(&seen(&[], 1).release.spec).unwrap();
        spec["version"] = version.into();
        spec
    };
    memory.show(&event("7", &spec("2")));
    assert!(memory.known(&shown("7")).is_none(), "nobody waits for it");
    release.metadata.resource_version = Some("9".to_owned());
    memory.learn(UID, release, Instant::now());
    memory.show(&event("8", &spec("2")));
    let known = |version: &str| memory.known(&shown(version)).map(|r| r.spec.version);
    assert_eq!(known("8").as_deref(), Some("1"), "a slow watch");
    memory.show(&event("10", &json!({"services": 1})));
    assert_eq!(known("10"), None, "it does not fit our types");
    memory.show(&event("11", &spec("2")));
    assert_eq!(known("11").as_deref(), Some("2"));
}

#[test]
fn what_was_worked_out_goes_when_versions_may_begin_anew() {
    let memory = begun();
    let memo = recalled(&memory).memo;
    assert!(Arc::ptr_eq(&memo, &recalled(&memory).memo));
    memory.unlearn(None);
    assert!(!Arc::ptr_eq(&memo, &recalled(&memory).memo));
}
