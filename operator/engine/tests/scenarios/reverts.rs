//! The spec goes back to the version that is warm: a candidate again, and still an instant way back.

use changeover_crds::Outcome;

use crate::model::{Fate, Story, World, exchange, live, spec, warm};

use super::lost::is_live;
use super::{stories, until_idle};

stories!(
    rollback_of_a_revert_that_waits,
    rollback_of_a_revert_while_preparing,
    rollback_of_a_revert_while_verifying,
    rollback_of_a_revert_after_the_window,
    rollback_of_a_revert_that_was_given_up,
    rollback_of_a_revert_that_grows,
    revert_to_what_has_a_service_more,
    pause_after_the_window_of_a_revert,
    revert_taken_back_while_it_waits,
    revert_taken_back_while_verifying,
    revert_given_up_for_a_spec_that_cannot_be_carried_out,
    revert_given_up_for_a_newer_version_while_paused,
    revert_taken_back_after_the_window,
);

/// 2 is live, and the spec names 1 again, which is warm. A person has to approve it.
fn reverted(name: &'static str) -> Story {
    Story::given(name, warm()).when(|w| {
        w.apply(spec("1", |s| s["promotion"]["mode"] = "Manual".into()));
    })
}

/// One flip past the gates; the spec names what is live then.
fn back_on_version_1(w: &World) {
    is_live(w, "Live", "1");
    assert_eq!(w.status().live.unwrap().colour.as_str(), "blue");
    assert_eq!(w.cluster.made(), 10, "no pod was made");
    let last = &w.status().history[0];
    let found = (last.version.as_str(), last.outcome);
    assert_eq!(found, ("2", Outcome::RolledBack));
}

fn rollback_of_a_revert_that_waits() -> Story {
    reverted("rollback of a revert that waits")
        .then("it waits for an approval", |w| {
            assert_eq!(w.phase(), "AwaitingApproval")
        })
        .when(|w| w.annotate("rollback", "1"))
        .then("one flip, past the gates", back_on_version_1)
}

fn rollback_of_a_revert_while_preparing() -> Story {
    reverted("rollback of a revert while preparing")
        .during("Preparing", |w| w.annotate("rollback", "1"))
        .then("one flip, past the gates", back_on_version_1)
}

fn rollback_of_a_revert_while_verifying() -> Story {
    reverted("rollback of a revert while verifying")
        .during("Verifying", |w| w.annotate("rollback", "1"))
        .then("one flip, past the gates", back_on_version_1)
}

fn nothing_to_do(w: &World) {
    assert_eq!(w.status().live.unwrap().version, "2");
    assert_eq!(w.events.last().unwrap().0, "NothingToDo");
}

fn rollback_of_a_revert_after_the_window() -> Story {
    reverted("rollback of a revert after the window")
        .after(1801)
        .when(|w| w.annotate("rollback", "1"))
        .then("it is a candidate like any other", |w| {
            nothing_to_do(w);
            assert_eq!(w.phase(), "AwaitingApproval");
        })
}

fn rollback_of_a_revert_that_was_given_up() -> Story {
    reverted("rollback of a revert that was given up")
        .during("AwaitingApproval", |w| w.annotate("abort", "1"))
        .then("it is rejected", |w| assert_eq!(w.phase(), "Rejected"))
        .when(|w| w.annotate("rollback", "2"))
        .then("there is nothing to go back to", nothing_to_do)
}

/// Half of what was warm can take what it took: more pods are for later.
fn rollback_of_a_revert_that_grows() -> Story {
    Story::given("rollback of a revert that grows", warm())
        .when(|w| {
            w.fate("user:1", Fate::Quota);
            w.fate("user:2", Fate::Quota);
            w.apply(spec("1", |s| {
                s["services"][0]["replicas"] = 5.into();
                s["promotion"]["mode"] = "Manual".into();
            }));
        })
        .during("Preparing", |w| w.annotate("rollback", "1"))
        .then("it does not wait for them", |w| {
            is_live(w, "Live", "1");
        })
}

/// Version 2 has no notification, whose clients stay on what is warm.
fn revert_to_what_has_a_service_more() -> Story {
    Story::given("revert to what has a service more", live())
        .when(|w| {
            w.apply(spec("2", |s| {
                s["services"].as_array_mut().unwrap().pop();
                let steps = &mut s["verification"]["journeys"][0]["steps"];
                steps.as_array_mut().unwrap().pop();
            }));
        })
        .then("it is live", |w| assert_eq!(w.phase(), "Warm"))
        .when(|w| {
            w.apply(spec("1", |s| s["promotion"]["mode"] = "Manual".into()));
        })
        .then("its clients are served all the while", |w| {
            assert_eq!(w.phase(), "AwaitingApproval");
            assert!(!w.raw("Service", "shop-notification").is_null());
        })
        .when(|w| w.annotate("rollback", "1"))
        .then("and afterwards", |w| {
            assert_eq!(w.phase(), "Live");
            let gone = "Delete Service shop-notification";
            assert!(!w.api.log.iter().any(|line| line.ends_with(gone)));
        })
}

fn pause_after_the_window_of_a_revert() -> Story {
    reverted("pause after the window of a revert")
        .after(1801)
        .when(|w| {
            w.annotate("pause", "true");
            until_idle(w);
            w.annotate("rollback", "1");
        })
        .then("it opens no window again", |w| {
            nothing_to_do(w);
            assert_eq!(w.phase(), "AwaitingApproval");
        })
}

/// What was warm is so again, for as long as it would have been.
fn still_warm(w: &World) {
    assert_eq!(w.phase(), "Warm");
    let status = w.status();
    assert_eq!(status.live.unwrap().version, "2");
    assert_eq!(status.warm.unwrap().version, "1");
    let left = status.warm_until.unwrap().0.duration_since(w.clock);
    assert!(left.as_secs() <= 1800, "{left:?}");
    assert_eq!(w.cluster.made(), 10, "no pod was made");
}

fn revert_taken_back_while_it_waits() -> Story {
    reverted("revert taken back while it waits")
        .during("AwaitingApproval", |w| w.apply(exchange("2")))
        .then("there still is a way back", still_warm)
        .when(|w| w.annotate("rollback", "1"))
        .then("of one flip", |w| {
            is_live(w, "RolledBack", "1");
            assert_eq!(w.cluster.made(), 10, "no pod was made");
        })
}

fn revert_taken_back_while_verifying() -> Story {
    reverted("revert taken back while verifying")
        .during("Verifying", |w| w.apply(exchange("2")))
        .then("there still is a way back", still_warm)
}

fn revert_given_up_for_a_spec_that_cannot_be_carried_out() -> Story {
    reverted("revert given up for a spec that cannot be carried out")
        .during("Preparing", |w| {
            w.apply(spec("3", |s| {
                s["services"][1]["config"]["USER_URL"] = "http://elsewhere".into();
            }));
        })
        .then("there still is a way back", still_warm)
}

fn revert_given_up_for_a_newer_version_while_paused() -> Story {
    reverted("revert given up for a newer version while paused")
        .during("Preparing", |w| {
            w.annotate("pause", "true");
            w.apply(exchange("3"));
        })
        .then("there still is a way back", still_warm)
        .when(|w| w.annotate("pause", ""))
        .then("and then its turn", |w| is_live(w, "Warm", "3"))
}

fn revert_taken_back_after_the_window() -> Story {
    reverted("revert taken back after the window")
        .after(1801)
        .when(|w| w.apply(exchange("2")))
        .then("what was warm goes", |w| {
            is_live(w, "Live", "2");
            assert!(w.raw("Deployment", "shop-user-blue").is_null());
        })
}
