//! A pause holds every forward step, and no way back. What passed before it still counts after it.

use crate::model::{Story, exchange, live, spec};

use super::approval::{approve, awaiting, version_1_stays, version_2_is_live};
use super::stories;

stories!(
    paused_before_the_switch,
    paused_while_preparing,
    paused_while_verifying,
    paused_while_baking,
    paused_while_warm,
    paused_and_a_newer_spec,
    aborted_while_paused,
);

fn paused_before_the_switch() -> Story {
    awaiting("paused before the switch")
        .when(|w| {
            w.annotate("pause", "true");
            approve(w);
        })
        .after(90_000)
        .then("no forward step, and no deadline", |w| {
            assert_eq!(w.phase(), "AwaitingApproval");
            version_1_stays(w);
            assert_eq!(w.condition("Ready").unwrap().0, "Paused");
        })
        .when(|w| w.annotate("pause", ""))
        .then("it goes on", version_2_is_live)
}

fn paused_while_preparing() -> Story {
    Story::given("paused while preparing", live())
        .when(|w| w.apply(exchange("2")))
        .during("Preparing", |w| w.annotate("pause", "true"))
        .after(601)
        .then("it is built, and not probed", |w| {
            assert_eq!(w.phase(), "Preparing");
            version_1_stays(w);
        })
        .when(|w| w.annotate("pause", ""))
        .then("it goes on", version_2_is_live)
}

fn paused_while_baking() -> Story {
    Story::given("paused while baking", live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| w.annotate("pause", "true"))
        .after(601)
        .then("it stays there", |w| assert_eq!(w.phase(), "Baking"))
        .when(|w| w.annotate("pause", ""))
        .then("it goes on", version_2_is_live)
}

fn paused_while_warm() -> Story {
    Story::given("paused while warm", live())
        .when(|w| w.apply(exchange("2")))
        .then("it is live", version_2_is_live)
        .when(|w| w.annotate("pause", "true"))
        .after(7200)
        .then("the way back is kept, whatever the time", |w| {
            version_2_is_live(w);
            let (_, message) = w.condition("Ready").unwrap();
            assert!(
                message.contains("1 stays warm on blue; paused"),
                "{message}"
            );
        })
        .when(|w| w.apply(exchange("3")))
        .then("nothing new is begun", version_2_is_live)
        .when(|w| w.annotate("pause", ""))
        .then("then it is", |w| {
            assert_eq!(w.status().live.unwrap().version, "3")
        })
}

fn aborted_while_paused() -> Story {
    awaiting("aborted while paused")
        .when(|w| {
            w.annotate("pause", "true");
            w.annotate("abort", "1");
        })
        .then("abort needs no resume", |w| {
            version_1_stays(w);
            assert_eq!(w.status().rejected.unwrap().reason, "Aborted");
        })
}

fn paused_while_verifying() -> Story {
    Story::given("paused while verifying", live())
        .when(|w| w.apply(spec("2", |s| s["verification"]["timeout"] = "30s".into())))
        .during("Verifying", |w| {
            w.annotate("pause", "true");
            w.settle();
            let (reason, message) = w.condition("Reconciling").unwrap();
            assert_eq!(
                (reason.as_str(), message.as_str()),
                ("Paused", "2 passed; paused")
            );
            // The journey passed; walked again, it would not.
            w.bad_journeys.insert("user:2".into());
        })
        .after(3600)
        .then("the clock stands still", |w| {
            assert_eq!(w.phase(), "Verifying");
            version_1_stays(w);
        })
        .when(|w| {
            w.annotate("pause", "");
            w.until("Switching");
            assert_eq!(w.phase(), "Switching");
            w.bad_journeys.clear();
        })
        .then("what passed still counts", version_2_is_live)
}

fn paused_and_a_newer_spec() -> Story {
    awaiting("paused and a newer spec")
        .when(|w| {
            w.annotate("pause", "true");
            w.settle();
            w.apply(exchange("3"));
        })
        .then("the older is given up, and nothing is begun", |w| {
            version_1_stays(w);
            assert_eq!(w.phase(), "Live");
            assert!(w.raw("Deployment", "shop-user-green").is_null());
            assert_eq!(w.condition("Ready").unwrap().0, "Paused");
        })
        .when(|w| w.annotate("pause", ""))
        .then("then it is", |w| {
            assert_eq!(w.status().live.unwrap().version, "3")
        })
}
