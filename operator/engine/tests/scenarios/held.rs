//! A way back that cannot be finished yet: clients stay where they are served, whatever happens to the Services.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;

use changeover_crds::Outcome;

use crate::model::{Story, World, exchange, live, spec, warm};

use super::{stories, until_idle};

stories!(
    held_and_a_live_service_is_deleted,
    held_and_no_change_of_where_clients_are_is_taken,
    held_and_a_selector_is_narrowed,
    held_and_a_selector_is_lost,
    held_and_an_epoch_is_raised,
    held_and_a_newer_spec,
    held_before_the_first_flip_and_a_newer_spec,
    held_by_a_revision_that_is_gone_and_a_newer_spec,
    flips_back_are_not_carried_out,
);

/// A rollback to a colour that lost its pods.
fn held(name: &'static str, then: fn(&mut World)) -> Story {
    Story::given(name, warm())
        .when(|w| {
            w.break_pods("blue");
            w.annotate("rollback", "1");
        })
        .then("what serves is left where it is", |w| {
            assert_eq!(w.phase(), "RollingBack");
            assert!(w.condition("Ready").is_some(), "clients are served");
        })
        .when(then)
        .then("clients are still served there, all of them", |w| {
            for service in ["shop-user", "shop-trade", "shop-notification"] {
                let selector = w.raw("Service", service)["spec"]["selector"].clone();
                let keys = selector.as_object().unwrap();
                assert_eq!(selector["changeover.dev/colour"], "green");
                assert_eq!(keys.len(), 4, "{service}: {selector}");
            }
            assert_eq!(w.phase(), "RollingBack");
            assert_eq!(w.condition("Stalled").unwrap().0, "OldColourCannotServe");
        })
        .when(World::heal_pods)
        .then("and go back as soon as they can", |w| {
            let version = w.status().live.unwrap().version;
            assert_eq!((w.phase().as_str(), version.as_str()), ("RolledBack", "1"));
        })
}

fn held_and_a_live_service_is_deleted() -> Story {
    held("held, and a live Service is deleted", |w| {
        w.delete("Service", "shop-trade");
    })
}

fn held_and_no_change_of_where_clients_are_is_taken() -> Story {
    Story::given("held, and no change of where clients are is taken", warm())
        .when(|w| {
            w.break_pods("blue");
            w.annotate("rollback", "1");
        })
        .then("what serves is left where it is", |w| {
            assert_eq!(w.phase(), "RollingBack");
        })
        .when(|w| {
            w.api.denied = BTreeMap::from([("shop-user-green", 403)]);
            w.apply(spec("2", |s| s["keepFailed"] = "9m".into()));
            w.delete("Service", "shop-trade");
        })
        .during("RollingBack", |w| {
            until_idle(w);
            let selector = &w.raw("Service", "shop-trade")["spec"]["selector"];
            assert_eq!(selector["changeover.dev/colour"], "green");
            assert_eq!(w.condition("Stalled").unwrap().0, "OldColourCannotServe");
            w.api.denied.clear();
            w.heal_pods();
        })
        .then("clients go back as soon as they can", |w| {
            let version = w.status().live.unwrap().version;
            assert_eq!((w.phase().as_str(), version.as_str()), ("RolledBack", "1"));
        })
}

fn held_and_a_selector_is_narrowed() -> Story {
    held("held, and a selector is narrowed", |w| {
        w.edit("Service", "shop-trade", |s| {
            s["spec"]["selector"]["canary"] = "yes".into();
        });
    })
}

fn held_and_a_selector_is_lost() -> Story {
    held("held, and every selector is lost", |w| {
        for service in ["shop-user", "shop-trade", "shop-notification"] {
            w.edit("Service", service, |s| s["spec"]["selector"] = Value::Null);
        }
    })
}

/// A Service restored from a backup of later days.
fn held_and_an_epoch_is_raised() -> Story {
    held("held, and an epoch is raised", |w| {
        w.edit("Service", "shop-trade", |s| {
            s["metadata"]["annotations"]["changeover.dev/epoch"] = "40".into();
        });
    })
}

fn third_is_live_beside(w: &World, warm: &str) {
    let status = w.status();
    let versions = [status.live, status.warm].map(|role| role.unwrap().version);
    assert_eq!(versions, ["3", warm]);
}

/// The old colour never comes back. Where clients are is no place to stay either.
fn held_and_a_newer_spec() -> Story {
    Story::given("held, and a newer spec", warm())
        .when(|w| {
            w.break_pods("blue");
            w.annotate("rollback", "1");
            w.settle();
            w.apply(exchange("3"));
        })
        .then("the old colour may only be late", |w| {
            assert_eq!(w.phase(), "RollingBack");
            assert!(w.status().candidate.unwrap().version == "2");
        })
        .after(31)
        .then("the newer one is live", |w| {
            third_is_live_beside(w, "2");
            let outcomes: Vec<_> = w.status().history.iter().map(|h| h.outcome).collect();
            assert_eq!(outcomes[..2], [Outcome::Live, Outcome::Rejected]);
        })
}

/// Nobody knows any more which services the old version had.
fn held_by_a_revision_that_is_gone_and_a_newer_spec() -> Story {
    Story::given("held by a revision that is gone, and a newer spec", warm())
        .when(|w| {
            let is_old = |r: &&Value| r["data"]["version"] == "1";
            let old = w.api.list("ControllerRevision").find(is_old);
            let old = World::name_of(old.unwrap());
            w.delete("ControllerRevision", &old);
            w.delete("Deployment", "shop-user-blue");
            w.annotate("rollback", "1");
            w.settle();
            assert_eq!(w.phase(), "RollingBack");
            w.apply(exchange("3"));
        })
        .after(31)
        .then("the newer one is live, beside what clients used", |w| {
            third_is_live_beside(w, "2");
        })
}

fn held_before_the_first_flip_and_a_newer_spec() -> Story {
    Story::given("held before the first flip, and a newer spec", live())
        .when(|w| w.apply(exchange("2")))
        .during("Switching", |w| {
            w.break_pods("blue");
            w.break_pods("green");
        })
        .then("clients are where they were", |w| {
            let (reason, message) = w.condition("Stalled").unwrap();
            assert_eq!(reason, "BothColoursBroken");
            assert!(!message.contains("newer version"), "{message}");
        })
        .after(31)
        .then("what is left to do is told", |w| {
            let (_, message) = w.condition("Stalled").unwrap();
            let words = "a newer version that is applied now ends the way back";
            assert!(message.contains(words), "{message}");
        })
        .when(|w| w.apply(exchange("3")))
        .then("the newer one is live", |w| {
            third_is_live_beside(w, "1");
        })
}

fn flips_back_are_not_carried_out() -> Story {
    Story::given("flips back are not carried out", warm())
        .when(|w| {
            w.api.denied = BTreeMap::from([("shop-trade", 429)]);
            w.annotate("rollback", "1");
            w.until("RollingBack");
            w.advance_clock(SignedDuration::from_secs(31));
            for _ in 0..5 {
                w.step();
            }
            let (reason, message) = w.condition("Stalled").unwrap();
            assert_eq!(reason, "RollbackLate");
            let words = "flip Service shop-trade to blue: denied by a policy";
            assert!(message.contains(words), "{message}");
            w.api.denied.clear();
        })
        .then("they are tried again and again", |w| {
            assert_eq!(w.phase(), "RolledBack");
        })
}
