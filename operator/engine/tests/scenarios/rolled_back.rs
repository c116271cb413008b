//! At rest with nothing to move: after a way back, and before anything could begin.

use serde_json::Value;

use crate::model::{Story, World, spec, warm};

use super::commands::{delete_release, nothing_is_written};
use super::stories;
use super::switch::rolled_back;

stories!(
    deletion_while_rolled_back,
    deletion_while_pending,
    status_lost_while_rolled_back,
);

/// Version 2 went back for a person.
fn back(name: &'static str) -> Story {
    Story::given(name, warm())
        .when(|w| w.annotate("rollback", "1"))
        .then("clients are back", rolled_back)
}

/// A spec with a journey through a service that is not there.
fn impossible() -> Value {
    spec("1", |s| {
        s["verification"]["journeys"][0]["steps"][0]["service"] = "usr".into();
    })
}

fn deletion_while_rolled_back() -> Story {
    back("deletion while rolled back")
        .when(delete_release)
        .after(601)
        .then(
            "nothing is written, what is kept for its logs included",
            |w| {
                nothing_is_written(w);
                assert!(!w.raw("Deployment", "shop-user-green").is_null());
            },
        )
}

fn deletion_while_pending() -> Story {
    Story::given("deletion while pending", World::new(impossible()))
        .then("nothing can begin", |w| assert_eq!(w.phase(), "Pending"))
        .when(|w| {
            delete_release(w);
            // Now it could.
            w.apply(spec("1", |_| {}));
        })
        .then("nothing is written", |w| {
            nothing_is_written(w);
            assert_eq!(w.cluster.made(), 0);
        })
}

/// What was rejected is not known any more, and what was asked counts as seen to.
fn status_lost_while_rolled_back() -> Story {
    back("status lost while rolled back")
        .when(|w| {
            w.edit("ExchangeRelease", "shop", |r| r["status"] = Value::Null);
        })
        .then("it is released again, with the pods that stand", |w| {
            let live = w.status().live.unwrap().version;
            assert_eq!((w.phase().as_str(), live.as_str()), ("Warm", "2"));
            assert_eq!(w.cluster.made(), 10);
        })
}
