//! The status is gone: a restore, a replace.

use serde_json::Value;

use crate::model::{Story, World, exchange, live, spec, warm};

use super::approval::manual;
use super::refuse::broken;
use super::{released, stories};

stories!(
    status_lost_while_live,
    status_lost_while_warm,
    status_lost_while_preparing,
    status_lost_while_verifying,
    status_lost_while_awaiting_approval,
    status_lost_in_the_middle_of_the_flip,
    status_lost_while_baking,
    status_lost_while_rolling_back,
    status_lost_while_rejected,
    status_lost_with_one_colour_gone,
    status_lost_in_the_first_switch,
    status_lost_while_the_old_colour_drains,
    status_lost_in_a_drain_and_the_old_version_released,
    status_lost_with_the_last_epoch_on_a_budget_alone,
    status_lost_with_a_service_of_the_rejected_version_alone,
    status_lost_with_a_service_of_the_old_version_alone,
);

fn with_a_ledger(version: &str) -> Value {
    spec(version, |s| {
        let mut ledger = s["services"][2].clone();
        ledger["name"] = "ledger".into();
        ledger["image"] = format!("ledger:{version}").into();
        s["services"].as_array_mut().unwrap().push(ledger);
    })
}

fn status_lost_with_a_service_of_the_rejected_version_alone() -> Story {
    // Version 1 serves on green, so that the colour that comes first is the other.
    let mut world = warm();
    world.annotate("rollback", "1");
    world.settle();
    world.apply(exchange("3"));
    world.settle();
    world.bad_journeys.insert("user:4".into());
    Story::given(
        "status lost with a service of the rejected version alone",
        world,
    )
    .when(|w| w.apply(with_a_ledger("4")))
    .when(lose)
    .then("what all Services of both select is live", |w| {
        assert_eq!(w.status().live.unwrap().version, "3");
        assert_eq!(w.phase(), "Rejected");
    })
}

fn status_lost_with_a_service_of_the_old_version_alone() -> Story {
    let mut world = World::new(with_a_ledger("1"));
    world.settle();
    world.apply(exchange("2"));
    world.settle();
    Story::given("status lost with a service of the old version alone", world)
        .when(lose)
        .then("clients stay where they are", |w| {
            let live = w.status().live.unwrap();
            assert_eq!((w.phase().as_str(), live.version.as_str()), ("Live", "2"));
            assert!(w.raw("Service", "shop-ledger").is_null());
        })
}

pub fn lose(w: &mut World) {
    w.edit("ExchangeRelease", "shop", |r| r["status"] = Value::Null);
}

fn status_lost_while_live() -> Story {
    Story::given("status lost while live", live())
        .when(lose)
        .then("live is what the selectors say", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Live", "1")
            );
            let journal = w.status().switch.unwrap();
            assert_eq!((journal.epoch, w.cluster.made()), (102, 5));
            assert_eq!(journal.switch_millis, None, "nothing was switched");
            assert!(w.reasons.contains("StatusRebuilt"), "{:?}", w.reasons);
        })
}

fn status_lost_while_warm() -> Story {
    Story::given("status lost while warm", warm())
        .when(lose)
        .then("live is what the selectors say", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Live", "2")
            );
            assert!(
                w.raw("Deployment", "shop-user-blue").is_null(),
                "nothing says it is kept"
            );
        })
}

fn status_lost_while_preparing() -> Story {
    Story::given("status lost while preparing", live())
        .when(|w| w.apply(exchange("2")))
        .during("Preparing", |w| {
            w.step();
            w.step();
            lose(w);
        })
        .then("the release goes on", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Warm", "2")
            );
            assert_eq!(w.cluster.made(), 10);
        })
}

fn lost(name: &'static str, world: World, phase: &'static str) -> Story {
    Story::given(name, world).during(phase, lose)
}

pub(super) fn is_live(w: &World, phase: &str, version: &str) {
    let live = w.status().live.unwrap().version;
    assert_eq!((w.phase().as_str(), live.as_str()), (phase, version));
}

fn status_lost_while_verifying() -> Story {
    lost(
        "status lost while verifying",
        released(live(), exchange("2")),
        "Verifying",
    )
    .then("the release goes on", |w| is_live(w, "Warm", "2"))
}

fn status_lost_while_awaiting_approval() -> Story {
    let world = released(live(), manual("2"));
    lost(
        "status lost while awaiting approval",
        world,
        "AwaitingApproval",
    )
    .then("it waits again", |w| is_live(w, "AwaitingApproval", "1"))
}

fn status_lost_while_baking() -> Story {
    lost(
        "status lost while baking",
        released(live(), exchange("2")),
        "Baking",
    )
    .then("live is what the selectors say", |w| {
        is_live(w, "Live", "2")
    })
}

fn status_lost_while_rolling_back() -> Story {
    let mut world = warm();
    world.annotate("rollback", "1");
    lost("status lost while rolling back", world, "RollingBack")
        .then("live is what the selectors say", |w| {
            is_live(w, "Live", "2")
        })
}

fn status_lost_while_rejected() -> Story {
    let world = released(broken(), exchange("2"));
    lost("status lost while rejected", world, "Rejected").then(
        "it is tried again, and rejected",
        |w| {
            is_live(w, "Rejected", "1");
            assert_eq!(w.status().history.len(), 1);
        },
    )
}

/// The first of three Services points to green.
fn split(w: &mut World) {
    let selector = w.raw("Service", "shop-user-green")["spec"]["selector"].clone();
    w.edit("Service", "shop-user", |s| s["spec"]["selector"] = selector);
    lose(w);
}

fn status_lost_in_the_middle_of_the_flip() -> Story {
    Story::given("status lost in the middle of the flip", live())
        .when(|w| w.apply(exchange("2")))
        .during("Switching", split)
        .then("the split is joined, and the release done", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Warm", "2")
            );
            assert!(
                w.events
                    .iter()
                    .any(|(reason, _)| *reason == "StatusRebuilt")
            );
        })
}

fn status_lost_with_one_colour_gone() -> Story {
    Story::given("status lost with one colour gone", live())
        .when(|w| w.apply(exchange("2")))
        .during("Switching", |w| {
            w.break_pods("blue");
            split(w);
        })
        .then("it is joined on the colour that can serve", |w| {
            assert_eq!(w.status().live.unwrap().colour.as_str(), "green");
        })
}

fn status_lost_in_the_first_switch() -> Story {
    Story::given("status lost in the first switch", World::new(exchange("1")))
        .during("Switching", |w| {
            w.step();
            w.delete("Service", "shop-trade");
            lose(w);
        })
        .then("it is live", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Live", "1")
            );
            assert!(!w.raw("Service", "shop-trade").is_null());
        })
}

fn status_lost_while_the_old_colour_drains() -> Story {
    Story::given("status lost while the old colour drains", live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| {
            for _ in 0..3 {
                w.step();
                w.tick();
            }
            // One Service went back, and nothing says why: all follow it, to pods that ask clients to leave.
            let selector = w.raw("Service", "shop-user-blue")["spec"]["selector"].clone();
            w.edit("Service", "shop-user", |s| s["spec"]["selector"] = selector);
            lose(w);
        })
        .then(
            "its pods are told that they drain no more, and the release is done",
            |w| {
                let rebuilt = |(reason, _): &(&str, _)| *reason == "StatusRebuilt";
                assert!(w.events.iter().any(rebuilt));
                assert_eq!(
                    (w.phase().as_str(), w.status().switch.unwrap().epoch),
                    ("Warm", 104)
                );
            },
        )
}

fn status_lost_in_a_drain_and_the_old_version_released() -> Story {
    Story::given(
        "status lost in a drain and the old version released",
        live(),
    )
    .when(|w| w.apply(exchange("2")))
    .during("Baking", |w| {
        for _ in 0..3 {
            w.step();
            w.tick();
        }
        lose(w);
        w.apply(exchange("1"));
    })
    .then(
        "its pods, which stand, drain no more when clients come",
        |w| {
            assert_eq!(w.status().live.unwrap().version, "1");
            assert_eq!(w.cluster.made(), 10);
        },
    )
}

fn status_lost_with_the_last_epoch_on_a_budget_alone() -> Story {
    Story::given("status lost with the last epoch on a budget alone", live())
        .when(|w| w.apply(exchange("2")))
        .during("Preparing", |w| {
            while w.raw("PodDisruptionBudget", "shop-user-green").is_null() {
                w.step();
            }
            // As a leader leaves it that dies between two stamps.
            w.edit("PodDisruptionBudget", "shop-user-green", |budget| {
                budget["metadata"]["labels"]["changeover.dev/epoch"] = "7".into();
            });
            lose(w);
        })
        .then("the colour has an epoch of its own", |w| {
            let live = w.status().live.unwrap();
            assert_eq!((live.version.as_str(), live.epoch), ("2", 109));
            let budget = w.raw("PodDisruptionBudget", "shop-user-green");
            assert_eq!(budget["metadata"]["labels"]["changeover.dev/epoch"], "109");
        })
}
