//! What is just enough for a way back out of a bake, and what is just not.

use changeover_engine::Step;
use jiff::SignedDuration;

use crate::model::{Story, World, live, spec};

use super::approval::version_2_is_live;
use super::switch::rolled_back;
use super::{released, stories, until_idle};

stories!(
    more_probes_than_are_asked_at_once,
    one_of_two_pods_is_missing,
    one_of_three_pods_is_missing,
    the_only_pod_is_missing,
    too_few_for_less_than_ten_seconds,
    too_few_for_ten_seconds,
    journey_fails_and_passes_and_fails,
    two_journeys_fail_once_each,
);

/// Version 2 is watched for a minute, by one journey for each of these services.
fn watched(name: &'static str, services: &[&str]) -> Story {
    let journey = |service: &&str| serde_json::json!({"name": format!("{service}-answers"), "steps": [{"service": service, "path": "/"}]});
    let spec = spec("2", |s| {
        s["verification"]["bake"] = "60s".into();
        s["verification"]["journeys"] = services.iter().map(journey).collect();
        s["services"][1]["replicas"] = 3.into();
    });
    Story::given(name, released(live(), spec))
}

/// The first pod of a service is unready from now on.
fn one_is_missing(w: &mut World, service: &str) {
    let pod = format!("shop-{service}-green-1");
    let uid = w.raw("Pod", &pod)["metadata"]["uid"].as_str();
    w.cluster.broken.extend(uid.map(str::to_owned));
    w.tick();
}

fn stays(w: &World) {
    version_2_is_live(w);
    let (reason, message) = w.condition("Ready").unwrap();
    assert_eq!(reason, "LiveDegraded", "{message}");
}

/// A node drain and an eviction take one pod at a time.
fn one_of_two_pods_is_missing() -> Story {
    watched("one of two pods is missing", &[])
        .during("Baking", |w| one_is_missing(w, "user"))
        .then("one is none too few", stays)
}

fn one_of_three_pods_is_missing() -> Story {
    watched("one of three pods is missing", &[])
        .during("Baking", |w| one_is_missing(w, "trade"))
        .then("one is none too few", stays)
}

fn the_only_pod_is_missing() -> Story {
    watched("the only pod is missing", &[])
        .during("Baking", |w| one_is_missing(w, "notification"))
        .then("it goes back", |w| {
            rolled_back(w);
            let rejected = w.status().rejected.unwrap();
            assert_eq!(rejected.reason, "LiveDegraded");
            let why = "notification: 0 of 1 pods ready";
            assert!(rejected.message.contains(why), "{rejected:?}");
        })
}

/// A service has nobody for so long.
fn nobody_for(w: &mut World, millis: i64) {
    one_is_missing(w, "notification");
    until_idle(w);
    w.advance_clock(SignedDuration::from_millis(millis));
    until_idle(w);
}

fn too_few_for_less_than_ten_seconds() -> Story {
    watched("too few for less than ten seconds", &[])
        .during("Baking", |w| {
            nobody_for(w, 9000);
            w.heal_pods();
            w.tick();
        })
        .then("it stays", version_2_is_live)
}

fn too_few_for_ten_seconds() -> Story {
    watched("too few for ten seconds", &[])
        .during("Baking", |w| {
            nobody_for(w, 10_000);
            assert_eq!(w.status().rejected.unwrap().reason, "LiveDegraded");
        })
        .then("it is back", rolled_back)
}

/// Journeys go on until one of them fails, or until none does.
fn journeys_until(w: &mut World, fails: bool) {
    for _ in 0..100 {
        if w.shell.answers.values().any(|r| r.result.is_err()) == fails {
            return;
        }
        w.step();
        w.tick();
    }
}

/// The next run of journeys through these images fails.
fn one_run_fails(w: &mut World, images: &[&str]) {
    w.bad_journeys
        .extend(images.iter().map(|i| (*i).to_owned()));
    journeys_until(w, true);
    w.bad_journeys.clear();
}

fn journey_fails_and_passes_and_fails() -> Story {
    watched("journey fails and passes and fails", &["user"])
        .during("Baking", |w| {
            one_run_fails(w, &["user:2"]);
            journeys_until(w, false);
            one_run_fails(w, &["user:2"]);
        })
        .then("that is not twice in a row", version_2_is_live)
}

fn two_journeys_fail_once_each() -> Story {
    watched("two journeys fail once each", &["user", "trade"])
        .during("Baking", |w| one_run_fails(w, &["user:2", "trade:2"]))
        .then("that is not the same one twice", version_2_is_live)
}

/// Five pods with so many probes each.
fn more_probes_than_are_asked_at_once() -> Story {
    Story::given("more probes than are asked at once", live())
        .when(|w| {
            w.apply(spec("2", |s| {
                for service in s["services"].as_array_mut().unwrap() {
                    let probe = |n| serde_json::json!({"path": format!("/version?{n}")});
                    service["smoke"] = (0..16).map(probe).collect();
                }
            }));
            w.until("Verifying");
            let Step::Ask(questions) = &w.decision().step else {
                panic!("nothing is asked");
            };
            assert_eq!(questions.len(), 64);
        })
        .then("all are asked in the end", |w| {
            assert_eq!(w.status().live.unwrap().version, "2");
        })
}
