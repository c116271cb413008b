//! What stands in a colour's way and is none of the operator's: pods of before that do not end, and a live Service that
//! is no longer the release's.

use jiff::SignedDuration;
use serde_json::Value;

use crate::model::{Story, exchange, live, warm};

use super::lost::is_live;
use super::{stories, until_idle};

stories!(
    pod_on_a_node_that_is_gone,
    pod_that_a_person_took_out,
    live_service_that_lost_its_owner,
    live_service_whose_name_is_taken,
);

/// Its deletion is never confirmed. What clients asked of it ended with it.
fn pod_on_a_node_that_is_gone() -> Story {
    Story::given("pod on a node that is gone", warm())
        .when(|w| {
            w.lose_the_node_of("shop-user-blue-1");
            w.apply(exchange("3"));
            w.until("Preparing");
            // Not longer than the pod may take to end.
            for _ in 0..20 {
                w.step();
                w.tick();
                w.advance_clock(SignedDuration::from_secs(1));
            }
            let (_, message) = w.condition("Reconciling").unwrap();
            let words = "pod shop-user-blue-1: it is of another revision and has not ended";
            assert!(message.contains(words), "{message}");
            w.advance_clock(SignedDuration::from_secs(61));
        })
        .then("it is waited for, but not for ever", |w| {
            is_live(w, "Warm", "3")
        })
}

/// To look into it: without the label, no Service finds it, and its ReplicaSet lets it go.
fn pod_that_a_person_took_out() -> Story {
    Story::given("pod that a person took out", warm())
        .when(|w| {
            w.edit("Pod", "shop-user-blue-1", |pod| {
                let metadata = pod["metadata"].as_object_mut().unwrap();
                metadata.remove("ownerReferences");
                let labels = metadata["labels"].as_object_mut().unwrap();
                labels.remove("changeover.dev/service");
            });
            w.apply(exchange("3"));
        })
        .then("it stands in nobody's way", |w| {
            is_live(w, "Warm", "3");
            assert!(
                !w.raw("Pod", "shop-user-blue-1").is_null(),
                "nor is it touched"
            );
        })
}

/// `kubectl replace` with a manifest that names no owner. It is tried again and again to make it, so nothing rests.
fn live_service_that_lost_its_owner() -> Story {
    Story::given("live Service that lost its owner", warm())
        .when(|w| {
            let owner = w.raw("Service", "shop-trade")["metadata"]["ownerReferences"].clone();
            w.edit("Service", "shop-trade", |service| {
                service["metadata"]["ownerReferences"] = Value::Null;
            });
            w.annotate("rollback", "1");
            w.until("RolledBack");
            w.advance_clock(SignedDuration::from_secs(601));
            for _ in 0..20 {
                w.step();
                w.tick();
            }
            assert_eq!(w.status().live.unwrap().version, "1");
            assert!(
                w.status().candidate.is_none(),
                "it was kept for long enough"
            );
            assert_eq!(w.condition("Stalled").unwrap().0, "NameTaken");
            let selector = &w.raw("Service", "shop-trade")["spec"]["selector"];
            assert_eq!(selector["changeover.dev/colour"], "green");
            let stays = !w.raw("Deployment", "shop-trade-green").is_null();
            assert!(stays, "clients are there");
            w.edit("Service", "shop-trade", |service| {
                service["metadata"]["ownerReferences"] = owner;
            });
        })
        .then("its clients follow once it is the release's again", |w| {
            let selector = &w.raw("Service", "shop-trade")["spec"]["selector"];
            assert_eq!(selector["changeover.dev/colour"], "blue");
            assert!(w.raw("Deployment", "shop-trade-green").is_null());
        })
}

/// Another chart takes the name while it is free.
fn live_service_whose_name_is_taken() -> Story {
    Story::given("live Service whose name is taken", live())
        .when(|w| {
            w.delete("Service", "shop-trade");
            w.create("Service", "shop-trade");
            until_idle(w);
            assert!(w.condition("Ready").is_none(), "its clients are not served");
            let (reason, message) = w.condition("Stalled").unwrap();
            assert_eq!(reason, "NameTaken");
            let words = "create Service shop-trade ";
            assert!(message.starts_with(words), "{message}");
            w.delete("Service", "shop-trade");
            w.advance_clock(SignedDuration::from_secs(10));
        })
        .then("it is made again once the name is free", |w| {
            is_live(w, "Live", "1");
            assert!(w.condition("Ready").is_some());
        })
}
