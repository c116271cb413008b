//! The next version, and what does not make one.

use crate::model::{Story, exchange, live, spec, warm};

use super::stories;

stories!(
    second_version,
    rollback_window_ends,
    third_version_within_the_window,
    revert_to_the_warm_version,
    scale_change,
    scale_down,
    scale_of_a_single_pod,
    version_rename_only,
    smoke_change_only,
    services_added,
    services_removed,
    restart_token,
    settled_means_still,
    history_of_ten,
);

fn second_version() -> Story {
    Story::given("second version", live())
        .when(|w| w.apply(exchange("2")))
        .then("it is live on green and the old one is warm", |w| {
            let status = w.status();
            assert_eq!(w.phase(), "Warm");
            assert_eq!(status.live.unwrap().version, "2");
            assert_eq!(status.warm.unwrap().version, "1");
            assert!(
                w.condition("Ready")
                    .unwrap()
                    .1
                    .contains("1 stays warm on blue until")
            );
            assert_eq!(w.raw("Deployment", "shop-user-blue")["spec"]["replicas"], 2);
            let journal = status.switch.unwrap();
            assert_eq!((journal.epoch, journal.services.len()), (2, 3));
            assert!(
                journal
                    .services
                    .iter()
                    .all(|s| s.switched && s.cluster_ip.is_some())
            );
            assert!(journal.switch_millis.is_some() && journal.skew_millis == Some(0));
        })
}

fn rollback_window_ends() -> Story {
    Story::given("rollback window ends", warm())
        .after(1801)
        .then("the old colour is collected", |w| {
            assert_eq!(w.phase(), "Live");
            for kind in ["Deployment", "Service", "PodDisruptionBudget"] {
                assert!(w.raw(kind, "shop-user-blue").is_null(), "{kind}");
                assert!(!w.raw(kind, "shop-user-green").is_null(), "{kind}");
            }
            assert_eq!(w.api.list("ConfigMap").count(), 3);
            assert_eq!(w.api.list("ControllerRevision").count(), 1);
            assert!(w.events.iter().any(|(reason, _)| *reason == "Collected"));
        })
}

fn third_version_within_the_window() -> Story {
    Story::given("third version within the window", warm())
        .when(|w| w.apply(exchange("3")))
        .then("it takes the warm colour's place", |w| {
            let status = w.status();
            assert_eq!(status.live.unwrap().version, "3");
            assert_eq!(status.warm.unwrap().version, "2");
        })
}

fn revert_to_the_warm_version() -> Story {
    Story::given("revert to the warm version", warm())
        .when(|w| w.apply(exchange("1")))
        .then("it flips back without a new pod", |w| {
            assert_eq!(w.status().live.unwrap().version, "1");
            assert_eq!(w.status().warm.unwrap().version, "2");
            assert_eq!(w.phase(), "Warm");
            assert_eq!(w.cluster.made(), 10, "two colours of five pods");
        })
}

fn scale_change() -> Story {
    Story::given("scale change", warm())
        .when(|w| w.apply(spec("2", |s| s["services"][0]["replicas"] = 4.into())))
        .then("live and warm are resized in place", |w| {
            for colour in ["blue", "green"] {
                let name = format!("shop-user-{colour}");
                assert_eq!(w.raw("Deployment", &name)["spec"]["replicas"], 4);
            }
            assert_eq!(w.phase(), "Warm");
            assert_eq!(w.status().live.unwrap().services[0].ready, 4);
            assert_eq!(w.status().history.len(), 2, "no release was started");
        })
}

fn scale_down() -> Story {
    Story::given("scale down", live())
        .when(|w| w.apply(spec("1", |s| s["services"][0]["replicas"] = 1.into())))
        .then("live is smaller", |w| {
            assert_eq!(w.raw("Deployment", "shop-user-blue")["spec"]["replicas"], 1);
            assert_eq!(w.status().history.len(), 1);
        })
}

fn scale_of_a_single_pod() -> Story {
    const NAME: &str = "shop-notification-blue";
    Story::given("scale of a single pod", live())
        .when(|w| {
            let budget = w.raw("PodDisruptionBudget", NAME);
            assert!(budget.is_null(), "it would allow every eviction");
            w.apply(spec("1", |s| s["services"][2]["replicas"] = 2.into()));
        })
        .then("two are evicted one at a time", |w| {
            let budget = w.raw("PodDisruptionBudget", NAME);
            assert_eq!(budget["spec"]["maxUnavailable"], 1);
        })
}

fn version_rename_only() -> Story {
    Story::given("version rename only", live())
        .when(|w| w.apply(spec("1", |s| s["version"] = "1.0-final".into())))
        .then("status shows the new name, nothing is released", |w| {
            assert_eq!(w.status().live.unwrap().version, "1.0-final");
            assert_eq!((w.phase().as_str(), w.cluster.made()), ("Live", 5));
        })
}

fn smoke_change_only() -> Story {
    Story::given("smoke change only", live())
        .when(|w| {
            w.apply(spec("1", |s| {
                s["services"][0]["smoke"][0]["path"] = "/v".into()
            }))
        })
        .then("nothing is released", |w| {
            assert_eq!(w.status().history.len(), 1)
        })
}

fn services_added() -> Story {
    Story::given("services added", live())
        .when(|w| {
            w.apply(spec("2", |s| {
                let mut added = s["services"][0].clone();
                added["name"] = "ledger".into();
                s["services"].as_array_mut().unwrap().push(added);
            }));
        })
        .then("the new one has a live Service", |w| {
            let selector = &w.raw("Service", "shop-ledger")["spec"]["selector"];
            assert_eq!(selector["changeover.dev/colour"], "green");
        })
}

fn services_removed() -> Story {
    Story::given("services removed", live())
        .when(|w| {
            w.apply(spec("2", |s| {
                s["services"].as_array_mut().unwrap().truncate(2);
            }));
        })
        .then("the removed one stays on the old colour", |w| {
            let selector = &w.raw("Service", "shop-notification")["spec"]["selector"];
            assert_eq!(selector["changeover.dev/colour"], "blue");
        })
        .after(1801)
        .then("and goes with it", |w| {
            assert!(w.raw("Service", "shop-notification").is_null());
            assert!(w.raw("Deployment", "shop-notification-blue").is_null());
            assert!(w.raw("Deployment", "shop-user-blue").is_null());
        })
}

fn restart_token() -> Story {
    Story::given("restart token", live())
        .when(|w| w.apply(spec("1", |s| s["restart"] = "secret rotated".into())))
        .then("the same images are released again", |w| {
            assert_eq!(w.phase(), "Warm");
            assert_eq!(w.status().live.unwrap().colour.as_str(), "green");
        })
}

fn settled_means_still() -> Story {
    // `settle` itself asserts that nothing is written once settled (I8).
    Story::given("settled means still", warm())
        .after(60)
        .after(600)
        .then("nothing was written", |w| {
            let written = w.api.log.len();
            assert_eq!(written, warm().api.log.len());
        })
}

/// No story: a crash in it loses the answers, and then the deadline rightly ends it.
#[test]
fn a_verdict_that_is_seen_late_counts() {
    let mut w = live();
    w.apply(spec("2", |s| {
        s["verification"]["journeys"] = serde_json::json!([]);
    }));
    w.until("Verifying");
    w.step();
    w.tick();
    w.advance_clock(jiff::SignedDuration::from_hours(1));
    w.settle();
    assert_eq!(w.status().live.unwrap().version, "2");
    assert_eq!(w.api.checker.violations, Vec::<String>::new());
}

fn history_of_ten() -> Story {
    Story::given("history of ten", live())
        .when(|w| {
            for version in 2..=12 {
                w.apply(exchange(&version.to_string()));
                w.settle();
            }
        })
        .then("the last ten are remembered, the newest first", |w| {
            let history = w.status().history;
            let versions: Vec<_> = history.iter().map(|h| h.version.as_str()).collect();
            let last = ["12", "11", "10", "9", "8", "7", "6", "5", "4", "3"];
            assert_eq!(versions, last);
            assert!(history.iter().all(|h| h.switch_millis.is_some()));
        })
}
