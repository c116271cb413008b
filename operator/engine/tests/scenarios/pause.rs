//! A pause holds every forward step, and no way back. What passed before it still counts after it.

use crate::model::{Story, World, exchange, live, spec, warm};

use super::approval::{approve, awaiting, version_1_stays, version_2_is_live};
use super::stories;
use super::switch::rolled_back;

stories!(
    paused_before_the_switch,
    paused_while_preparing,
    paused_while_verifying,
    paused_while_baking,
    paused_while_warm,
    paused_and_a_newer_spec,
    pauses_make_the_deadline_later,
    aborted_while_paused,
    aborted_while_paused_in_the_switch,
    aborted_while_paused_in_the_bake,
    rolled_back_while_paused,
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

fn pauses_make_the_deadline_later() -> Story {
    let paused = |story: Story| {
        let story = story.when(|w| w.annotate("pause", "true")).after(50_000);
        story.when(|w| w.annotate("pause", "")).after(10_000)
    };
    let twice = paused(paused(awaiting("pauses make the deadline later")));
    twice
        .after(60_000)
        .then("a day is not over, but for both pauses", |w| {
            assert_eq!(w.phase(), "AwaitingApproval");
        })
        .after(7_000)
        .then("now it is", |w| {
            version_1_stays(w);
            assert_eq!(w.status().rejected.unwrap().reason, "ApprovalTimeout");
        })
}

/// Clients are back on the old colour, and the pause stands.
fn back_although_paused(w: &World, why: &str) {
    rolled_back(w);
    let status = w.status();
    assert_eq!(status.rejected.unwrap().reason, why);
    assert!(status.paused_since.is_some());
}

fn aborted_while_paused_in(name: &'static str, phase: &'static str) -> Story {
    Story::given(name, live())
        .when(|w| w.apply(exchange("2")))
        .during(phase, |w| {
            w.annotate("pause", "true");
            // The pause is seen before the abort is.
            w.step();
            w.annotate("abort", "1");
        })
        .then("no way back waits for a resume", |w| {
            back_although_paused(w, "Aborted");
        })
}

fn aborted_while_paused_in_the_switch() -> Story {
    aborted_while_paused_in("aborted while paused in the switch", "Switching")
}

fn aborted_while_paused_in_the_bake() -> Story {
    aborted_while_paused_in("aborted while paused in the bake", "Baking")
}

fn rolled_back_while_paused() -> Story {
    Story::given("rolled back while paused", warm())
        .when(|w| w.annotate("pause", "true"))
        .after(7200)
        .when(|w| w.annotate("rollback", "1"))
        .then("no way back waits for a resume", |w| {
            back_although_paused(w, "RollbackRequested");
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
