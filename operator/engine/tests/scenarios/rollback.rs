//! Abort and rollback: traffic goes back first, whatever state the new colour is in.

use crate::model::{Fate, Story, World, exchange, live, warm};

use super::stories;
use super::switch::rolled_back;

stories!(
    rollback_while_warm,
    rollback_while_baking,
    rollback_with_the_new_colour_gone,
    rollback_waits_for_the_old_colour,
    rollback_after_the_window,
    abort_while_preparing,
    abort_while_verifying,
    abort_while_switching,
    abort_with_a_degraded_new_colour,
    abort_while_baking,
    abort_without_a_release,
    abort_of_a_first_install,
    abort_and_rollback_at_once,
    abort_while_warm,
    live_child_deleted_after_a_rollback,
    abort_while_rolling_back,
    split_is_joined_on_the_colour_that_serves,
    warm_pods_are_repaired,
    retry_after_a_rollback,
);

/// Every Service selects blue again, and no pod was made for it.
fn back_without_a_pod(w: &World) {
    rolled_back(w);
    assert_eq!(w.cluster.made(), 10);
}

fn rollback_while_warm() -> Story {
    Story::given("rollback while warm", warm())
        .when(|w| w.annotate("rollback", "1"))
        .then("one flip, no pod", |w| {
            back_without_a_pod(w);
            assert_eq!(w.status().rejected.unwrap().reason, "RollbackRequested");
            assert_eq!(w.status().handled.rollback.as_deref(), Some("1"));
        })
        .after(550)
        .then("the rejected colour is kept for its logs", |w| {
            assert!(!w.raw("Deployment", "shop-user-green").is_null());
        })
        .after(51)
        .then("the rejected colour is collected", |w| {
            assert!(w.raw("Deployment", "shop-user-green").is_null());
            assert_eq!(w.phase(), "RolledBack");
        })
}

fn rollback_while_baking() -> Story {
    Story::given("rollback while baking", live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| w.annotate("rollback", "1"))
        .then("one flip, no pod", back_without_a_pod)
}

fn rollback_with_the_new_colour_gone() -> Story {
    Story::given("rollback with the new colour gone", warm())
        .when(|w| {
            w.break_pods("green");
            w.annotate("rollback", "1");
        })
        .then("one flip, no pod", back_without_a_pod)
}

fn rollback_waits_for_the_old_colour() -> Story {
    Story::given("rollback waits for the old colour", warm())
        .when(|w| {
            w.break_pods("blue");
            w.annotate("rollback", "1");
        })
        .then("what serves is left where it is", |w| {
            assert_eq!(w.phase(), "RollingBack");
            assert_eq!(w.condition("Stalled").unwrap().0, "OldColourCannotServe");
            let selector = &w.raw("Service", "shop-user")["spec"]["selector"];
            assert_eq!(selector["changeover.dev/colour"], "green");
        })
        .when(|w| {
            w.heal_pods();
            w.tick();
        })
        .then("and goes back as soon as it can", rolled_back)
}

fn rollback_after_the_window() -> Story {
    Story::given("rollback after the window", warm())
        .after(1801)
        .then("the old colour is collected", |w| {
            assert_eq!(w.phase(), "Live")
        })
        .when(|w| w.annotate("rollback", "1"))
        .then("there is nothing to go back to, and it says so", |w| {
            assert_eq!(
                (w.phase().as_str(), w.events.last().unwrap().0),
                ("Live", "NothingToDo")
            );
            assert_eq!(w.status().handled.rollback.as_deref(), Some("1"));
        })
}

fn aborted(name: &'static str, phase: &'static str) -> Story {
    Story::given(name, live())
        .when(|w| w.apply(exchange("2")))
        .during(phase, |w| w.annotate("abort", "1"))
}

fn rejected(w: &World) {
    assert_eq!(
        (
            w.phase().as_str(),
            w.status().live.unwrap().version.as_str()
        ),
        ("Rejected", "1")
    );
    assert_eq!(w.status().rejected.unwrap().reason, "Aborted");
}

fn abort_while_preparing() -> Story {
    aborted("abort while preparing", "Preparing").then("live is untouched", rejected)
}

fn abort_while_verifying() -> Story {
    aborted("abort while verifying", "Verifying").then("live is untouched", rejected)
}

fn abort_while_switching() -> Story {
    aborted("abort while switching", "Switching").then("clients are back", rolled_back)
}

fn abort_with_a_degraded_new_colour() -> Story {
    Story::given("abort with a degraded new colour", live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| {
            w.fate("user:2", Fate::NeverReady);
            w.delete_a_pod("user", "green");
            w.tick();
            w.tick();
            w.annotate("abort", "1");
        })
        .then("traffic is back on the old colour", |w| {
            rolled_back(w);
            assert_eq!(w.status().rejected.unwrap().reason, "Aborted");
        })
}

fn abort_while_baking() -> Story {
    aborted("abort while baking", "Baking").then("clients are back", back_without_a_pod)
}

fn abort_without_a_release() -> Story {
    Story::given("abort without a release", live())
        .when(|w| w.annotate("abort", "1"))
        .then("nothing to do, and it is recorded", |w| {
            assert_eq!(
                (w.phase().as_str(), w.events.last().unwrap().0),
                ("Live", "NothingToDo")
            );
            assert_eq!(w.status().handled.abort.as_deref(), Some("1"));
        })
        .when(|w| w.apply(exchange("2")))
        .then("and does not strike later", |w| {
            assert_eq!(w.phase(), "Warm")
        })
}

fn abort_of_a_first_install() -> Story {
    Story::given("abort of a first install", World::new(exchange("1")))
        .during("Baking", |w| w.annotate("abort", "1"))
        .then("clients stay: there is nothing to go back to", |w| {
            assert_eq!(w.phase(), "Rejected");
            assert_eq!(w.status().rejected.unwrap().reason, "NothingToGoBackTo");
            assert_eq!(w.status().live.unwrap().version, "1");
            assert!(!w.raw("Service", "shop-user").is_null());
        })
        .when(|w| w.annotate("retry", "1"))
        .then("a retry watches it once more", |w| {
            assert_eq!(w.phase(), "Live")
        })
}

/// The bake ended while a person asked.
fn abort_while_warm() -> Story {
    Story::given("abort while warm", warm())
        .when(|w| w.annotate("abort", "1"))
        .then("clients go back all the same", |w| {
            back_without_a_pod(w);
            assert_eq!(w.status().rejected.unwrap().reason, "Aborted");
            assert_eq!(w.status().handled.abort.as_deref(), Some("1"));
        })
}

fn live_child_deleted_after_a_rollback() -> Story {
    Story::given("live child deleted after a rollback", warm())
        .when(|w| w.annotate("rollback", "1"))
        .then("the spec names what was rejected", |w| {
            rolled_back(w);
            let way_back = &w.status().history[0];
            assert!(way_back.switch_millis.is_some(), "{way_back:?}");
        })
        .when(|w| {
            for kind in ["Deployment", "Service", "PodDisruptionBudget"] {
                w.delete(kind, "shop-trade-blue");
            }
            w.delete("Service", "shop-trade");
        })
        .then("what is live is made again exactly", |w| {
            rolled_back(w);
            let before = live();
            for (kind, name) in [
                ("Deployment", "shop-trade-blue"),
                ("Service", "shop-trade-blue"),
                ("PodDisruptionBudget", "shop-trade-blue"),
                ("Service", "shop-trade"),
            ] {
                let spec = |w: &World| {
                    let mut spec = w.raw(kind, name)["spec"].clone();
                    if name == "shop-trade-blue" && kind == "Service" {
                        spec["clusterIP"].take();
                    }
                    spec
                };
                assert_eq!(spec(w), spec(&before), "{kind} {name}");
            }
        })
}

fn abort_and_rollback_at_once() -> Story {
    Story::given("abort and rollback at once", live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| {
            w.annotate("rollback", "1");
            w.annotate("abort", "1");
        })
        .then("abort comes first, and both are seen to", |w| {
            rolled_back(w);
            let handled = w.status().handled;
            assert_eq!(
                (handled.abort.as_deref(), handled.rollback.as_deref()),
                (Some("1"), Some("1"))
            );
        })
}

fn abort_while_rolling_back() -> Story {
    Story::given("abort while rolling back", warm())
        .when(|w| w.annotate("rollback", "1"))
        .during("RollingBack", |w| w.annotate("abort", "1"))
        .then("it goes back all the same", rolled_back)
}

fn split_is_joined_on_the_colour_that_serves() -> Story {
    Story::given("split is joined on the colour that serves", live())
        .when(|w| w.apply(exchange("2")))
        .during("Switching", |w| {
            // One Service moved, then the old colour dies and a person aborts.
            w.step();
            let blue = w.raw("Service", "shop-user-blue")["spec"]["selector"].clone();
            w.edit("Service", "shop-user", |s| s["spec"]["selector"] = blue);
            w.break_pods("blue");
            w.annotate("abort", "1");
        })
        .then("no half is left behind", |w| {
            assert_eq!(w.phase(), "RollingBack");
            for service in ["shop-user", "shop-trade", "shop-notification"] {
                let selector = &w.raw("Service", service)["spec"]["selector"];
                assert_eq!(selector["changeover.dev/colour"], "green", "{service}");
            }
        })
        .when(|w| {
            w.heal_pods();
            w.tick();
        })
        .then("and goes back as soon as it can", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("RolledBack", "1")
            );
        })
}

fn warm_pods_are_repaired() -> Story {
    Story::given("warm pods are repaired", warm())
        .when(|w| w.delete("Deployment", "shop-trade-blue"))
        .then("it is made again", |w| {
            assert_eq!(w.status().warm.unwrap().services[1].ready, 2);
        })
        .when(|w| w.annotate("rollback", "1"))
        .then("and can be gone back to", rolled_back)
}

fn retry_after_a_rollback() -> Story {
    Story::given("retry after a rollback", warm())
        .when(|w| w.annotate("rollback", "1"))
        .then("it went back", rolled_back)
        .when(|w| w.annotate("retry", "1"))
        .then("the same version is live again", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Warm", "2")
            );
        })
}
