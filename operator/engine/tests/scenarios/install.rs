//! The first release of an exchange.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::{Fate, Story, World, exchange, spec};

use super::stories;

stories!(
    first_install,
    first_install_without_smoke_probes,
    first_install_that_cannot_be_carried_out,
    first_install_that_never_gets_ready,
    fixed_first_install,
    first_install_loses_its_pods_in_the_switch,
    fix_after_a_first_install_that_lost_its_pods,
    abort_of_the_fix_after_a_first_install_that_lost_its_pods,
    retry_of_a_first_install_that_lost_its_pods,
    first_install_while_paused,
    way_back_to_a_first_install_that_lacks_a_name,
    first_install_that_a_policy_gives_no_live_service,
    first_install_made_invalid_while_preparing,
    first_install_made_invalid_while_verifying,
    first_install_made_invalid_while_awaiting_approval,
);

fn first_install() -> Story {
    Story::given("first install", World::new(exchange("1"))).then("it is live on blue", |w| {
        let status = w.status();
        assert_eq!(w.phase(), "Live");
        assert_eq!(status.live.unwrap().colour.as_str(), "blue");
        assert!(status.warm.is_none() && status.candidate.is_none());
        assert_eq!(w.condition("Ready").unwrap().1, "1 is live on blue");
        assert!(w.condition("Stalled").is_none() && w.condition("Reconciling").is_none());
        assert!(w.condition("Switched").is_some());
        let told: Vec<_> = w.events.iter().map(|(reason, _)| *reason).collect();
        assert_eq!(told, ["ReleaseStarted", "Verified", "Switched", "Baked"]);
        // Preparing, Verifying, Switching, Baking, Live: a brief phase writes no progress.
        let is_status = |line: &&Arc<str>| line.contains("Status ExchangeRelease");
        assert_eq!(w.api.log.iter().filter(is_status).count(), 5);
        assert_eq!(
            w.raw("Service", "shop-user")["metadata"]["annotations"]["changeover.dev/epoch"],
            "1"
        );
    })
}

fn first_install_without_smoke_probes() -> Story {
    let spec = spec("1", |s| {
        for service in s["services"].as_array_mut().unwrap() {
            service["smoke"] = serde_json::json!([]);
        }
    });
    Story::given("first install without smoke probes", World::new(spec))
        .then("it is live", |w| assert_eq!(w.phase(), "Live"))
}

fn first_install_that_cannot_be_carried_out() -> Story {
    let invalid = spec("1", |s| {
        s["services"][0]["smoke"][0]["expect"]["json"] = serde_json::json!({"$[": 1})
    });
    Story::given(
        "first install that cannot be carried out",
        World::new(invalid),
    )
    .then("it says so and begins nothing", |w| {
        let (reason, _) = w.condition("Stalled").unwrap();
        assert_eq!(
            (w.phase().as_str(), reason.as_str()),
            ("Pending", "InvalidSpec")
        );
        assert_eq!(w.api.list("Deployment").count(), 0);
    })
    .when(|w| w.apply(exchange("1")))
    .then("corrected, it is live", |w| assert_eq!(w.phase(), "Live"))
}

fn failing(fate: Fate) -> World {
    let mut world = World::new(exchange("1"));
    world.fate("user:1", fate);
    world
}

fn first_install_that_never_gets_ready() -> Story {
    let message = "cannot reach the database: check DATABASE_URL";
    Story::given(
        "first install that never gets ready",
        failing(Fate::Crashes(message)),
    )
    .then("it is rejected with the pod's last words", |w| {
        let (reason, message) = w.condition("Stalled").unwrap();
        assert_eq!(
            (w.phase().as_str(), reason.as_str()),
            ("Rejected", "ProgressDeadlineExceeded")
        );
        assert!(
            message.contains("cannot reach the database: check DATABASE_URL"),
            "{message}"
        );
        assert!(message.contains("pod shop-user-blue-"), "{message}");
        assert!(message.contains("nothing is live"), "{message}");
        assert!(
            w.raw("Service", "shop-user").is_null(),
            "no live Service before the switch"
        );
    })
    .after(601)
    .then("its pods are collected", |w| {
        assert!(w.raw("Deployment", "shop-user-blue").is_null());
        assert_eq!(w.phase(), "Rejected");
    })
}

fn fixed_first_install() -> Story {
    Story::given("fixed first install", failing(Fate::ImageMissing))
        .then("the image is named as the cause", |w| {
            assert!(
                w.condition("Stalled")
                    .unwrap()
                    .1
                    .contains("ImagePullBackOff")
            );
        })
        .when(|w| w.apply(exchange("2")))
        .then("the fix is live", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Live", "2")
            );
        })
}

fn first_install_loses_its_pods_in_the_switch() -> Story {
    Story::given(
        "first install loses its pods in the switch",
        World::new(exchange("1")),
    )
    .during("Switching", |w| w.break_pods("blue"))
    .then("there is nothing to go back to", |w| {
        assert_eq!(w.status().rejected.unwrap().reason, "NothingToGoBackTo");
    })
}

/// Clients reach it by then.
fn lost_its_pods(name: &'static str) -> Story {
    Story::given(name, World::new(exchange("1")))
        .during("Switching", |w| {
            w.step();
            w.step();
            w.break_pods("blue");
        })
        .then("it is rejected, and stays what clients use", |w| {
            assert_eq!(w.phase(), "Rejected");
            assert_eq!(w.status().rejected.unwrap().reason, "NothingToGoBackTo");
            assert_eq!(w.status().live.unwrap().version, "1");
            let (_, message) = w.condition("Stalled").unwrap();
            let words = "1 stays live. Apply another version, or annotate changeover.dev/retry; a retry waits until all live Services lead to its pods. 1 cannot serve: user: 0 of 2 pods ready";
            assert!(message.contains(words), "{message}");
            assert!(
                !w.raw("Service", "shop-user").is_null(),
                "live Services stay"
            );
        })
        .when(World::heal_pods)
}

fn is_live(w: &World, phase: &str, version: &str, colour: &str) {
    let live = w.status().live.unwrap();
    let is = (live.version.as_str(), live.colour.as_str());
    assert_eq!((w.phase().as_str(), is), (phase, (version, colour)));
}

fn fix_after_a_first_install_that_lost_its_pods() -> Story {
    lost_its_pods("fix after a first install that lost its pods")
        .when(|w| w.apply(exchange("2")))
        .then("the fix is built beside what clients still use", |w| {
            is_live(w, "Warm", "2", "green");
        })
}

fn abort_of_the_fix_after_a_first_install_that_lost_its_pods() -> Story {
    lost_its_pods("abort of the fix after a first install that lost its pods")
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| w.annotate("abort", "1"))
        .then("clients go back to what serves them", |w| {
            is_live(w, "RolledBack", "1", "blue");
            assert!(w.condition("Stalled").unwrap().1.contains("1 stays live"));
        })
}

fn retry_of_a_first_install_that_lost_its_pods() -> Story {
    lost_its_pods("retry of a first install that lost its pods")
        .then("its switch was finished for its clients", |w| {
            assert!(w.status().switch.unwrap().finished_at.is_some());
        })
        .when(|w| w.annotate("retry", "1"))
        .then("it is watched once more", |w| {
            is_live(w, "Live", "1", "blue")
        })
}

fn first_install_while_paused() -> Story {
    let mut world = World::new(exchange("1"));
    world.annotate("pause", "true");
    Story::given("first install while paused", world)
        .then("it says what it waits for", |w| {
            assert_eq!(w.phase(), "Pending");
            let (reason, message) = w.condition("Reconciling").unwrap();
            assert_eq!(reason, "Paused");
            assert!(message.contains("changeover.dev/pause"), "{message}");
        })
        .when(|w| w.annotate("pause", ""))
        .then("and goes on", |w| is_live(w, "Live", "1", "blue"))
}

/// 422 is what a policy answers if it says nothing else; so is what an address that is taken gets.
fn first_install_that_a_policy_gives_no_live_service() -> Story {
    Story::given(
        "first install that a policy gives no live Service",
        World::new(exchange("1")),
    )
    .when(|w| {
        w.api.denied = BTreeMap::from([("shop-trade", 422)]);
        w.until("Rejected");
        let (_, message) = w.condition("Stalled").unwrap();
        assert!(message.contains("denied by a policy"), "{message}");
        w.apply(without_trade("2"));
    })
    .then("the next version goes on without it", |w| {
        is_live(w, "Warm", "2", "green");
    })
}

fn without_trade(version: &str) -> Value {
    spec(version, |s| {
        s["services"].as_array_mut().unwrap().remove(1);
        let steps = &mut s["verification"]["journeys"][0]["steps"];
        steps.as_array_mut().unwrap().truncate(1);
    })
}

fn made_invalid(name: &'static str, phase: &'static str) -> Story {
    let manual = spec("1", |s| s["promotion"] = json!({"mode": "Manual"}));
    Story::given(name, World::new(manual))
        .during(phase, |w| {
            w.apply(spec("1", |s| {
                s["services"][0]["smoke"][0]["expect"]["json"] = json!({"$[": 1});
            }));
        })
        .then("nothing is live, and it says what to change", |w| {
            assert_eq!(w.phase(), "Pending");
            assert_eq!(w.condition("Stalled").unwrap().0, "InvalidSpec");
        })
        .when(|w| w.apply(exchange("1")))
        .then("then it goes on", |w| is_live(w, "Live", "1", "blue"))
}

fn first_install_made_invalid_while_preparing() -> Story {
    made_invalid("first install made invalid while preparing", "Preparing")
}

fn first_install_made_invalid_while_verifying() -> Story {
    made_invalid("first install made invalid while verifying", "Verifying")
}

fn first_install_made_invalid_while_awaiting_approval() -> Story {
    made_invalid(
        "first install made invalid while awaiting approval",
        "AwaitingApproval",
    )
}

/// What could be made of it is live; the version after it has no such service, and fails.
fn way_back_to_a_first_install_that_lacks_a_name() -> Story {
    Story::given(
        "way back to a first install that lacks a name",
        World::new(exchange("1")),
    )
    .when(|w| {
        w.create("Service", "shop-trade");
        w.until("Rejected");
        is_live(w, "Rejected", "1", "blue");
        w.apply(without_trade("2"));
        w.until("Baking");
        w.annotate("abort", "1");
        w.until("RolledBack");
        w.delete("Service", "shop-trade");
    })
    .then(
        "it ends without the name, and takes it once it is free",
        |w| {
            is_live(w, "RolledBack", "1", "blue");
            assert!(!w.raw("Service", "shop-trade").is_null());
        },
    )
}
