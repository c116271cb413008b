use std::sync::Arc;

use changeover_crds::{ExchangeRelease, Phase, SmokeProbe};
use changeover_engine::{Finding, Flipped, Observation, QuestionKey, Record, Through};
use jiff::{SignedDuration, Timestamp};
use serde_json::{from_value, json};
use tokio::task::JoinHandle;

use super::{Doubt, Heard, KEPT, Memory};
use crate::shelf::Watched;

mod read;

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

/// With notes on the release.
fn begun() -> Memory {
    let memory = Memory::default();
    memory.begin(UID);
    memory
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
    let memory = begun();
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
    let memory = begun();
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
    let memory = begun();
    let task = ask(&memory, &key("a"));
    memory.forget(UID);
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(memory.hear(UID, key("a"), record()), Heard::Another);
    assert!(recalled(&memory).answers.is_empty());
    // By a pass that is still in progress.
    assert!(!memory.ask(UID, &key("b"), || panic!("asked for nobody")));
    memory.note(UID, |notes| notes.phase = Some(Phase::Live));
    assert!(memory.phases().is_empty() && !memory.has_notes(UID));
}

#[tokio::test]
async fn who_leads_no_longer_asks_nothing() {
    let memory = begun();
    let task = ask(&memory, &key("a"));
    memory.hush(None);
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(recalled(&memory).asking.is_empty());
}

#[tokio::test]
async fn what_speaks_of_pods_and_switches_of_the_past_is_forgotten() {
    let memory = begun();
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
    let memory = begun();
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
    let memory = begun();
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

fn shown(version: &str) -> Watched {
    let metadata = json!({"name": "exchange", "uid": UID, "resourceVersion": version});
    from_value(json!({"metadata": metadata})).unwrap()
}

#[test]
fn our_own_last_write_of_a_status_is_no_news() {
    let memory = begun();
    assert!(!memory.is_own(&shown("7")), "nothing was written yet");
    memory.note(UID, |notes| {
        notes.written = Some((Timestamp::UNIX_EPOCH, "7".to_owned()));
    });
    assert!(memory.is_own(&shown("7")));
    assert!(!memory.is_own(&shown("8")), "somebody changed it since");
}

#[test]
fn a_write_without_an_answer_is_told_once_the_release_shows_it() {
    let was = seen(&[], 1).release;
    let mut new = was.status.clone().unwrap();
    new.phase = Some(Phase::Switching);
    let at = |version: &str, status| {
        let mut release = was.clone();
        release.metadata.resource_version = Some(version.to_owned());
        release.status = Some(status);
        release
    };
    let before = at("7", was.status.clone().unwrap());
    let arrived = |then: &ExchangeRelease| {
        let memory = begun();
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
