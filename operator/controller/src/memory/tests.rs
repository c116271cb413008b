use std::sync::Arc;
use std::time::{Duration, Instant};

use changeover_crds::{ExchangeRelease, SmokeProbe};
use changeover_engine::{
    Children, Finding, Flipped, Observation, QuestionKey, Reads, Record, Through,
};
use jiff::{SignedDuration, Timestamp};
use kube::core::WatchEvent;
use serde_json::{Value, from_value, json};
use tokio::task::JoinHandle;

use super::read::{FRESH, LOOK};
use super::{Doubt, Heard, KEPT, Memory};
use crate::shelf::Watched;
use crate::shown::Shown;

const UID: &str = "release-1";
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn key(pod: &str) -> QuestionKey {
    let probe: SmokeProbe = from_value(json!({"path": "/version"})).unwrap();
    QuestionKey::smoke(pod, &probe)
}

fn record() -> Record {
    Record {
        attempts: 1,
        last: NOW,
        result: Ok(Finding::Fine),
    }
}

/// A release with these pods, whose journal has this epoch.
fn seen(pods: &[&str], epoch: i64) -> Observation {
    let release: ExchangeRelease = from_value(json!({
        "apiVersion": "changeover.dev/v1alpha1", "kind": "ExchangeRelease",
        "metadata": {"name": "exchange", "uid": UID},
        "spec": {"version": "1", "services": [{
            "name": "user", "image": "u:1", "port": 8080, "smoke": [{"path": "/version"}]}]},
        "status": {"switch": {"epoch": epoch, "to": "blue", "startedAt": "2026-01-01T00:00:00Z"}},
    }))
    .unwrap();
    let pods = pods
        .iter()
        .map(|uid| json!({"metadata": {"name": uid, "uid": uid}}));
    Observation {
        release,
        deployments: Vec::new(),
        services: Vec::new(),
        config_maps: Vec::new(),
        budgets: Vec::new(),
        revisions: Vec::new(),
        pods: pods.map(|pod| Arc::new(from_value(pod).unwrap())).collect(),
        slices: Vec::new(),
        answers: [].into(),
        asking: [].into(),
        approvers_verified: false,
        flips: [].into(),
        written: None,
        failures: Vec::new(),
        memo: Arc::default(),
    }
}

/// Asks something that nobody ever answers.
fn ask(memory: &Memory, key: &QuestionKey) -> JoinHandle<()> {
    let task = tokio::spawn(std::future::pending());
    assert!(memory.ask(UID, key, || task.abort_handle()));
    task
}

fn recalled(memory: &Memory) -> Observation {
    let mut seen = seen(&[], 1);
    memory.recall(&mut seen);
    seen
}

#[tokio::test]
async fn a_question_is_asked_once_at_a_time() {
    let memory = Memory::default();
    ask(&memory, &key("a"));
    assert!(!memory.ask(UID, &key("a"), || panic!("asked twice")));
    assert_eq!(recalled(&memory).asking, [key("a")].into());
    assert_eq!(memory.hear(UID, key("a"), record()), Heard::Last);
    let seen = recalled(&memory);
    assert!(seen.asking.is_empty());
    assert_eq!(seen.answers, [(key("a"), record())].into());
    ask(&memory, &key("a"));
}

#[tokio::test]
async fn answers_are_looked_at_together_and_the_last_one_at_once() {
    let memory = Memory::default();
    for pod in ["a", "b", "c", "d"] {
        ask(&memory, &key(pod));
    }
    assert_eq!(memory.hear(UID, key("a"), record()), Heard::First);
    assert_eq!(memory.hear(UID, key("b"), record()), Heard::Another);
    assert!(memory.gathered(UID));
    assert_eq!(memory.hear(UID, key("c"), record()), Heard::First);
    assert_eq!(memory.hear(UID, key("d"), record()), Heard::Last);
    assert!(
        !memory.gathered(UID),
        "the last answer was the reason to look"
    );
}

#[tokio::test]
async fn a_release_that_is_gone_asks_nothing_and_hears_nothing() {
    let memory = Memory::default();
    let task = ask(&memory, &key("a"));
    memory.forget(UID);
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(memory.hear(UID, key("a"), record()), Heard::Another);
    assert!(recalled(&memory).answers.is_empty());
}

#[tokio::test]
async fn who_leads_no_longer_asks_nothing() {
    let memory = Memory::default();
    let task = ask(&memory, &key("a"));
    memory.hush(None);
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(recalled(&memory).asking.is_empty());
}

#[tokio::test]
async fn what_speaks_of_pods_and_switches_of_the_past_is_forgotten() {
    let memory = Memory::default();
    let drain = |pod: &str, epoch| QuestionKey::Drain {
        pod: pod.to_owned(),
        epoch,
    };
    let live = |epoch| QuestionKey::Journey {
        journey: "{}".to_owned(),
        through: Through::Live(epoch),
    };
    for answered in [
        key("a"),
        key("gone"),
        drain("a", 2),
        drain("a", 3),
        live(2),
        live(3),
    ] {
        ask(&memory, &answered);
        memory.hear(UID, answered, record());
    }
    let task = ask(&memory, &drain("gone", 3));
    memory.tidy(&seen(&["a"], 3), NOW);
    let left = recalled(&memory);
    assert!(
        left.answers
            .keys()
            .eq([&key("a"), &live(3), &drain("a", 3)])
    );
    assert!(left.asking.is_empty());
    assert!(task.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn an_answer_to_what_the_spec_no_longer_asks_is_kept_for_a_while() {
    let memory = Memory::default();
    let old: SmokeProbe = from_value(json!({"path": "/old"})).unwrap();
    let old = QuestionKey::smoke("a", &old);
    for answered in [key("a"), old.clone()] {
        ask(&memory, &answered);
        memory.hear(UID, answered, record());
    }
    memory.tidy(&seen(&["a"], 1), NOW + KEPT - SignedDuration::from_secs(1));
    assert!(recalled(&memory).answers.contains_key(&old));
    memory.tidy(&seen(&["a"], 1), NOW + KEPT);
    assert!(recalled(&memory).answers.keys().eq([&key("a")]));
}

#[test]
fn only_the_last_flips_are_remembered() {
    let memory = Memory::default();
    for epoch in 1..=10 {
        let flip = Flipped {
            epoch,
            at: NOW,
            from: Vec::new(),
        };
        memory.note(UID, |notes| notes.flipped("user".to_owned(), flip));
    }
    let flips = recalled(&memory).flips;
    let epochs: Vec<i64> = flips["user"].iter().map(|flip| flip.epoch).collect();
    assert_eq!(epochs, [3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn the_api_server_is_looked_at_once_a_minute() {
    let memory = Memory::default();
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
    let memory = Memory::default();
    let start = Instant::now();
    let covers = |reads, after| memory.covers(UID, reads, start + after);
    let (soon, later) = (FRESH / 2, FRESH);
    memory.must_look(UID, start);
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
    let memory = Memory::default();
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
    let memory = Memory::default();
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

fn shown(version: &str) -> Watched {
    let metadata = json!({"name": "exchange", "uid": UID, "resourceVersion": version});
    from_value(json!({"metadata": metadata})).unwrap()
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
    let memory = Memory::default();
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
fn our_own_last_write_of_a_status_is_no_news() {
    let memory = Memory::default();
    assert!(!memory.is_own(&shown("7")), "nothing was written yet");
    memory.note(UID, |notes| {
        notes.written = Some((Timestamp::UNIX_EPOCH, "7".to_owned()));
    });
    assert!(memory.is_own(&shown("7")));
    assert!(!memory.is_own(&shown("8")), "somebody changed it since");
}

#[test]
fn what_was_worked_out_goes_when_versions_may_begin_anew() {
    let memory = Memory::default();
    memory.note(UID, |_| ());
    let memo = recalled(&memory).memo;
    assert!(Arc::ptr_eq(&memo, &recalled(&memory).memo));
    memory.unlearn(None);
    assert!(!Arc::ptr_eq(&memo, &recalled(&memory).memo));
}

#[test]
fn a_write_without_an_answer_is_told_once_the_release_shows_it() {
    let was = seen(&[], 1).release;
    let mut new = was.status.clone().unwrap();
    new.phase = Some(changeover_crds::Phase::Switching);
    let at = |version: &str, status| {
        let mut release = was.clone();
        release.metadata.resource_version = Some(version.to_owned());
        release.status = Some(status);
        release
    };
    let before = at("7", was.status.clone().unwrap());
    let arrived = |then: &ExchangeRelease| {
        let memory = Memory::default();
        let doubt = Doubt::of(&before, &new, Vec::new());
        memory.note(UID, |notes| notes.doubt = Some(doubt));
        assert!(memory.arrived(UID, &before).is_none(), "nobody knows yet");
        let first = memory.arrived(UID, then).is_some();
        assert!(memory.arrived(UID, then).is_none(), "told once");
        first
    };
    assert!(arrived(&at("8", new.clone())));
    assert!(!arrived(&at("8", was.status.clone().unwrap())));
}
