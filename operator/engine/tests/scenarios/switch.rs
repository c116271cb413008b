//! What can happen while the Services move.

use std::collections::BTreeMap;

use crate::model::{Fate, Pass, Story, World, exchange, live, spec};

use super::stories;

stories!(
    target_loses_its_pods,
    target_loses_its_pods_before_the_first_flip,
    neither_colour_can_serve,
    slices_do_not_follow,
    pod_joins_during_the_switch,
    joined_pod_does_not_answer,
    added_service_goes_back,
    name_of_an_added_service_is_taken,
    rolled_back_version_is_not_tried_again,
    live_service_deleted_during_the_switch,
    selector_edited_during_the_switch,
    epoch_beyond_the_journal,
    policy_refuses_a_flip,
    one_address_family_more,
);

/// Version 2 is on its way; the journal is open, no Service has moved.
fn switching(name: &'static str, act: fn(&mut World)) -> Story {
    Story::given(name, live())
        .when(|w| w.apply(exchange("2")))
        .during("Switching", act)
}

pub(super) fn rolled_back(w: &World) {
    let status = w.status();
    assert_eq!(
        (w.phase().as_str(), status.live.unwrap().version.as_str()),
        ("RolledBack", "1")
    );
    assert_eq!(status.switch.unwrap().epoch, 3);
    assert!(status.rejected.is_some());
    for service in ["shop-user", "shop-trade", "shop-notification"] {
        let selector = &w.raw("Service", service)["spec"]["selector"];
        assert_eq!(selector["changeover.dev/colour"], "blue");
    }
}

fn target_loses_its_pods() -> Story {
    switching("target loses its pods", |w| {
        w.step();
        w.break_pods("green");
    })
    .then("clients are back on the old colour", |w| {
        rolled_back(w);
        assert_eq!(w.status().rejected.unwrap().reason, "TargetCannotServe");
        assert!(
            w.condition("Stalled")
                .unwrap()
                .1
                .contains("lost its pods during the switch")
        );
    })
    .after(601)
    .then("the failed colour is collected", |w| {
        rolled_back(w);
        assert!(w.raw("Deployment", "shop-user-green").is_null());
    })
}

fn target_loses_its_pods_before_the_first_flip() -> Story {
    switching("target loses its pods before the first flip", |w| {
        w.break_pods("green")
    })
    .then("clients stay", rolled_back)
}

fn neither_colour_can_serve() -> Story {
    switching("neither colour can serve", |w| {
        w.step();
        w.break_pods("green");
        w.break_pods("blue");
    })
    .then("it holds and says so", |w| {
        let (reason, message) = w.condition("Stalled").unwrap();
        assert_eq!(
            (w.phase().as_str(), reason.as_str()),
            ("RollingBack", "BothColoursBroken")
        );
        assert!(message.contains("user: 0 of 2 pods ready"), "{message}");
    })
    .when(|w| {
        w.heal_pods();
        w.tick();
    })
    .then("and goes back as soon as it can", rolled_back)
}

fn slices_do_not_follow() -> Story {
    switching("slices do not follow", |w| {
        w.step();
        w.tick();
        w.fate("notification:2", Fate::NeverReady);
        w.tick();
        w.tick();
    })
    .during("RollingBack", |w| w.cluster.frozen = true)
    .then("it waits", |w| {
        assert_eq!(w.phase(), "RollingBack");
        assert_eq!(w.status().rejected.unwrap().reason, "TargetCannotServe");
    })
    .after(31)
    .then("it says that it is late", |w| {
        assert_eq!(w.condition("Stalled").unwrap().0, "RollbackLate");
    })
    .when(|w| w.cluster.frozen = false)
    .then("it gets there", rolled_back)
}

fn pod_joins_during_the_switch() -> Story {
    switching("pod joins during the switch", |w| {
        w.delete_a_pod("user", "green");
        for _ in 0..4 {
            w.tick();
        }
    })
    .then("it is probed before clients see it", |w| {
        assert_eq!(w.phase(), "Warm");
        assert_eq!(w.status().verdict.unwrap().pods.len(), 5);
    })
}

fn joined_pod_does_not_answer() -> Story {
    switching("joined pod does not answer", |w| {
        w.silent = true;
        w.delete_a_pod("user", "green");
        for _ in 0..4 {
            w.tick();
        }
        let began = w.clock;
        while w.phase() == "Switching" {
            if let Pass::Idle(Some(until)) = w.step() {
                w.clock = until.max(w.clock);
            }
            let lasts = w.clock.duration_since(began);
            assert!(lasts.as_secs() < 60, "the deadline is 30 s");
        }
    })
    .then("the deadline holds all the same", |w| {
        rolled_back(w);
        let rejected = w.status().rejected.unwrap();
        assert_eq!(rejected.reason, "SwitchDeadlineExceeded");
        let words = "user: pod shop-user-green-3: GET /version: no answer yet";
        assert!(rejected.message.ends_with(words), "{rejected:?}");
    })
}

fn add_a_service(w: &mut World) {
    w.apply(spec("2", |s| {
        let mut added = s["services"][0].clone();
        added["name"] = "ledger".into();
        s["services"].as_array_mut().unwrap().push(added);
    }));
}

fn name_of_an_added_service_is_taken() -> Story {
    Story::given("name of an added service is taken", live())
        .when(|w| {
            w.create("Service", "shop-ledger");
            add_a_service(w);
            w.until("RollingBack");
            let told = w.told();
            assert!(!told.contains("Merge Service shop-user\n"), "{told}");
        })
        .then("nobody was moved, and it says why", |w| {
            rolled_back(w);
            let message = w.status().rejected.unwrap().message;
            assert!(message.contains("create Service shop-ledger"), "{message}");
            assert!(message.contains("it is not this release's"), "{message}");
        })
}

fn added_service_goes_back() -> Story {
    Story::given("added service goes back", live())
        .when(add_a_service)
        .during("Switching", |w| {
            w.step();
            w.break_pods("green");
        })
        .then("the old services are back, alone", |w| {
            rolled_back(w);
            assert!(w.raw("Service", "shop-ledger").is_null());
            assert!(!w.raw("Deployment", "shop-ledger-green").is_null());
        })
        .after(601)
        .then("the added one is gone", |w| {
            assert!(w.raw("Deployment", "shop-ledger-green").is_null());
        })
}

fn rolled_back_version_is_not_tried_again() -> Story {
    switching("rolled back version is not tried again", |w| {
        w.step();
        w.fate("trade:2", Fate::NeverReady);
        w.tick();
        w.tick();
    })
    .then("it is back", rolled_back)
    .after(601)
    .when(World::heal_pods)
    .then("and stays there", rolled_back)
    .when(|w| w.apply(exchange("3")))
    .then("until the spec names another", |w| {
        assert_eq!(w.status().live.unwrap().version, "3");
    })
}

fn live_service_deleted_during_the_switch() -> Story {
    switching("live Service deleted during the switch", |w| {
        w.step();
        w.delete("Service", "shop-trade");
    })
    .then("it has its address again", |w| {
        assert_eq!(w.status().live.unwrap().version, "2");
        let recorded = &w.status().switch.unwrap().services[1].cluster_ip;
        let address = w.raw("Service", "shop-trade")["spec"]["clusterIP"].as_str();
        assert_eq!(recorded.as_deref(), address);
        assert_eq!(
            live().raw("Service", "shop-trade")["spec"]["clusterIP"].as_str(),
            address
        );
    })
}

/// As another operator leaves it that leads by now, or a person who restores a Service from a backup.
fn epoch_beyond_the_journal() -> Story {
    switching("epoch beyond the journal", |w| {
        w.step();
        w.edit("Service", "shop-user", |s| {
            s["metadata"]["annotations"]["changeover.dev/epoch"] = "9".into();
        });
    })
    .then(
        "nothing moved under it, and the way back is beyond it",
        |w| {
            assert!(w.reasons.contains("Fenced"), "{:?}", w.reasons);
            assert_eq!(w.phase(), "RolledBack");
            assert_eq!(w.status().live.unwrap().version, "1");
            let message = w.status().rejected.unwrap().message;
            assert!(
                message.ends_with("Service shop-user carries epoch 9, the journal says 2"),
                "{message}"
            );
            assert_eq!(w.status().switch.unwrap().epoch, 10);
        },
    )
}

fn selector_edited_during_the_switch() -> Story {
    switching("selector edited during the switch", |w| {
        w.step();
        let old = live().raw("Service", "shop-user")["spec"]["selector"].clone();
        w.edit("Service", "shop-user", |s| s["spec"]["selector"] = old);
    })
    .then("all Services are on the new colour", |w| {
        assert_eq!(w.phase(), "Warm");
    })
}

/// Some Services have moved by then, and would wait on the new colour for the others.
fn policy_refuses_a_flip() -> Story {
    switching("policy refuses a flip", |w| {
        w.api.denied = BTreeMap::from([("shop-trade", 403)]);
    })
    .during("RollingBack", |w| w.api.denied.clear())
    .then("all go back long before the switch is late", |w| {
        rolled_back(w);
        let rejected = w.status().rejected.unwrap();
        assert_eq!(rejected.reason, "Refused");
        assert!(
            rejected.message.contains("denied by a policy"),
            "{rejected:?}"
        );
        let took = rejected.at.0.duration_since(w.status().history[1].at.0);
        assert!(took.as_secs() < 60, "{took:?}");
    })
}

/// `kubectl patch` of `ipFamilyPolicy`: no field of ours, so it stays.
fn one_address_family_more() -> Story {
    let mut world = live();
    world.edit("Service", "shop-user", |s| {
        s["spec"]["ipFamilies"] = serde_json::json!(["IPv4", "IPv6"]);
    });
    Story::given("one address family more", world)
        .when(|w| w.apply(exchange("2")))
        .then("each family is held against the ready pods", |w| {
            assert!(!w.raw("EndpointSlice", "shop-user-v6").is_null());
            assert_eq!(w.phase(), "Warm");
        })
}
