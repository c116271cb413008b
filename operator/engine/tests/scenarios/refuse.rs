//! Candidates that clients never see.

use changeover_engine::{Question, QuestionKey, Record, Step};
use jiff::SignedDuration;

use crate::model::{Fate, Fault, Story, World, exchange, live, spec};

use super::lost::is_live;
use super::stories;

stories!(
    broken_probe,
    pods_lost_while_probed,
    probes_without_an_answer,
    journey_without_an_end,
    pod_evicted_while_its_journey_runs,
    timeout_raised_while_a_journey_runs,
    name_taken,
    missing_image,
    quota,
    crash,
    crash_after_an_answer_that_was_lost,
    no_node,
    never_ready,
    invalid_spec,
    invalid_spec_while_preparing,
);

/// Version 2 answers as if it were 1.
pub(super) fn broken() -> World {
    let mut world = live();
    world.answers.insert("trade:2".into(), "1".into());
    world
}

pub(super) fn is_untouched(w: &World) {
    let status = w.status();
    assert_eq!(w.phase(), "Rejected");
    assert_eq!(status.live.unwrap().version, "1");
    assert_eq!(status.switch.unwrap().epoch, 1);
    for service in ["shop-user", "shop-trade", "shop-notification"] {
        let selector = &w.raw("Service", service)["spec"]["selector"];
        assert_eq!(selector["changeover.dev/colour"], "blue");
    }
}

/// As a node is drained: what the journey met is not what is released.
fn pod_evicted_while_its_journey_runs() -> Story {
    Story::given("pod evicted while its journey runs", live())
        .when(|w| w.apply(exchange("2")))
        .during("Verifying", |w| {
            until_a_journey_runs(w);
            w.delete_a_pod("user", "green");
            w.bad_journeys.insert("user:2".to_owned());
            w.tick();
            w.bad_journeys.clear();
        })
        .then("it is walked again", |w| {
            is_live(w, "Warm", "2");
            assert_eq!(w.cluster.made(), 11);
        })
}

fn until_a_journey_runs(w: &mut World) {
    let is_journey = |q: &Question| matches!(q.key, QuestionKey::Journey { .. });
    while !w.shell.pending.iter().any(is_journey) {
        w.tick();
        w.step();
    }
}

/// It was asked with what the timeout left then.
fn timeout_raised_while_a_journey_runs() -> Story {
    Story::given("timeout raised while a journey runs", live())
        .when(|w| w.apply(spec("2", |s| s["verification"]["timeout"] = "30s".into())))
        .during("Verifying", |w| {
            until_a_journey_runs(w);
            let question = w.shell.pending.pop().unwrap();
            w.apply(exchange("2"));
            w.advance_clock(SignedDuration::from_secs(29));
            let why = "step 1: no answer; verification.timeout leaves it no more time";
            let record = Record {
                attempts: 1,
                last: w.clock,
                result: Err(why.to_owned()),
            };
            w.shell.answers.insert(question.key, record);
        })
        .then("it is walked again", |w| {
            is_live(w, "Warm", "2");
        })
}

fn broken_probe() -> Story {
    Story::given("broken probe", broken())
        .when(|w| w.apply(exchange("2")))
        .then("it is rejected: service, pod, expectation, answer", |w| {
            is_untouched(w);
            let rejected = w.status().rejected.unwrap();
            assert_eq!(rejected.reason, "SmokeProbeFailed");
            let expected = r#"GET /version: expected $.version to be "2", got "1" (3 attempts)"#;
            assert!(
                rejected.message.starts_with("trade: pod shop-trade-green-"),
                "{rejected:?}"
            );
            assert!(rejected.message.ends_with(expected), "{rejected:?}");
            let (reason, message) = w.condition("Stalled").unwrap();
            assert_eq!(reason, "SmokeProbeFailed");
            assert!(message.contains("1 stays live"), "{message}");
            assert!(w.condition("Ready").is_none());
            assert!(
                !w.raw("Deployment", "shop-trade-green").is_null(),
                "kept for its logs"
            );
        })
        .after(601)
        .then("and collected after keepFailed", |w| {
            is_untouched(w);
            assert!(w.raw("Deployment", "shop-trade-green").is_null());
        })
}

fn failing(name: &'static str, fate: Fate) -> Story {
    let mut world = live();
    world.fate("user:2", fate);
    Story::given(name, world).when(|w| w.apply(exchange("2")))
}

fn says(w: &World, words: &str) {
    is_untouched(w);
    let rejected = w.status().rejected.unwrap();
    assert_eq!(rejected.reason, "ProgressDeadlineExceeded");
    let message = rejected.message;
    assert!(
        message.contains(words) && message.contains("user: 0 of 2 pods ready"),
        "{message}"
    );
}

fn pods_lost_while_probed() -> Story {
    Story::given("pods lost while probed", live())
        .when(|w| w.apply(exchange("2")))
        .during("Verifying", |w| w.break_pods("green"))
        .then(
            "they are waited for until verification is to be over",
            |w| {
                is_untouched(w);
                let rejected = w.status().rejected.unwrap();
                assert_eq!(rejected.reason, "VerificationTimeout");
                let words = "not verified within 120s: user: 0 of 2 pods ready";
                assert!(rejected.message.starts_with(words), "{rejected:?}");
            },
        )
}

fn times_out(w: &World, words: &str) {
    is_untouched(w);
    let rejected = w.status().rejected.unwrap();
    assert_eq!(rejected.reason, "VerificationTimeout");
    assert!(rejected.message.contains(words), "{rejected:?}");
}

fn probes_without_an_answer() -> Story {
    Story::given("probes without an answer", live())
        .when(|w| w.apply(exchange("2")))
        .during("Verifying", |w| w.silent = true)
        .then("the message names one", |w| {
            times_out(
                w,
                "user: pod shop-user-green-1: GET /version: no answer yet",
            );
        })
}

fn journey_without_an_end() -> Story {
    Story::given("journey without an end", live())
        .when(|w| w.apply(exchange("2")))
        .during("Verifying", |w| {
            // The probes are answered, and then nothing is.
            w.step();
            w.tick();
            w.silent = true;
        })
        .then("the message names it", |w| {
            times_out(w, "journey sign-up-and-trade has not ended");
        })
}

fn name_taken() -> Story {
    Story::given("name taken", live())
        .when(|w| {
            w.create("Service", "shop-user-green");
            w.apply(exchange("2"));
            for _ in 0..30 {
                w.step();
            }
            let (reason, message) = w.condition("Stalled").unwrap();
            let found = (w.phase(), reason);
            assert_eq!(found, ("Preparing".to_owned(), "NameTaken".to_owned()));
            let words = "create Service shop-user-green: ";
            assert!(message.starts_with(words), "{message}");
            w.delete("Service", "shop-user-green");
        })
        .then("it goes on once the name is free", |w| {
            assert_eq!(w.phase(), "Warm");
        })
}

fn missing_image() -> Story {
    failing("missing image", Fate::ImageMissing).then("the message says so", |w| {
        says(w, "ImagePullBackOff: Back-off pulling image")
    })
}

fn quota() -> Story {
    failing("quota", Fate::Quota).then("the message says so", |w| {
        says(
            w,
            "Deployment shop-user-green: pods is forbidden: exceeded quota",
        )
    })
}

fn crash() -> Story {
    failing("crash", Fate::Crashes("no DATABASE_URL")).then("the message says so", |w| {
        says(w, "exited with code 1, 4 restarts: no DATABASE_URL")
    })
}

fn no_node() -> Story {
    failing("no node", Fate::Unschedulable).then("the message says so", |w| {
        says(w, "not scheduled: 0/1 nodes are available")
    })
}

fn never_ready() -> Story {
    failing("never ready", Fate::NeverReady).then("the message says so", |w| {
        says(w, "its readiness probe does not pass yet")
    })
}

fn collide(w: &mut World) {
    w.apply(spec("2", |s| {
        s["services"][1]["config"]["USER_URL"] = "http://elsewhere".into()
    }));
}

fn is_stalled(w: &World) {
    let (reason, message) = w.condition("Stalled").unwrap();
    assert_eq!(reason, "InvalidSpec");
    assert!(
        message.contains("service trade: USER_URL is set by the operator"),
        "{message}"
    );
    assert_eq!(w.status().live.unwrap().version, "1");
    assert!(w.raw("Deployment", "shop-user-green").is_null());
}

fn invalid_spec() -> Story {
    Story::given("invalid spec", live())
        .when(collide)
        .then("it says what to change", is_stalled)
}

fn invalid_spec_while_preparing() -> Story {
    Story::given("invalid spec while preparing", live())
        .when(|w| w.apply(exchange("2")))
        .during("Preparing", |w| {
            w.step();
            w.tick();
            collide(w);
        })
        .then(
            "the candidate is given up, and it says what to change",
            is_stalled,
        )
}

/// What was made all the same is not to blame.
fn crash_after_an_answer_that_was_lost() -> Story {
    let mut world = live();
    world.fate("user:2", Fate::Crashes("cannot bind"));
    Story::given("crash after an answer that was lost", world)
        .when(|w| {
            w.apply(spec("2", |s| s["progressDeadline"] = "30s".into()));
            until_lost(w);
            assert_eq!(w.shell.failures.len(), 1);
        })
        .then("the pod is named", |w| says(w, "cannot bind"))
}

fn until_lost(w: &mut World) {
    let mut fault = None;
    while fault.is_none() {
        fault = lost(w);
        w.fault = fault;
        w.step();
    }
}

/// No answer comes to the POST of a Deployment, if one is due.
fn lost(w: &World) -> Option<Fault> {
    let Step::Requests(requests) = &w.decision().step else {
        return None;
    };
    let words = "create Deployment shop-user-green";
    let at = requests.iter().position(|r| r.to_string() == words)?;
    Some(Fault::NoAnswer(at, true))
}
