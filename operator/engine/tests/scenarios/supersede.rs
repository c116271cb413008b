//! A newer spec in every phase.

use changeover_crds::Outcome;

use crate::model::{Story, World, exchange, live, spec};

use super::stories;

stories!(
    newer_spec_while_preparing,
    newer_spec_while_verifying,
    newer_spec_while_switching,
    pod_joins_after_the_spec_moved_on,
    newer_spec_while_rolling_back,
    outcome_of_an_older_spec,
    revert_to_live_while_preparing,
    revert_to_live_while_verifying,
    revert_to_live_while_switching,
    scale_change_while_preparing,
    changed_smoke_while_verifying,
);

fn third_is_live(w: &World) {
    let status = w.status();
    assert_eq!(
        (w.phase().as_str(), status.live.unwrap().version.as_str()),
        ("Warm", "3")
    );
}

/// The generation that the spec has, and the one that the status speaks of.
fn generations(w: &World) -> (i64, i64) {
    let release = w.raw("ExchangeRelease", "shop");
    let named = release["metadata"]["generation"].as_i64();
    let seen = release["status"]["observedGeneration"].as_i64();
    named.zip(seen).unwrap()
}

fn outcome_of_an_older_spec() -> Story {
    newer("outcome of an older spec", "Baking")
        .during("Warm", |w| {
            assert_eq!(w.status().live.unwrap().version, "2");
            let (named, seen) = generations(w);
            assert!(seen < named, "version 3 was not seen to yet");
        })
        .then("the newer one is", |w| {
            third_is_live(w);
            let (named, seen) = generations(w);
            assert_eq!(seen, named);
        })
}

fn superseded(w: &World) {
    third_is_live(w);
    let outcomes: Vec<_> = w.status().history.iter().map(|h| h.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Live, Outcome::Superseded, Outcome::Live]
    );
    assert_eq!(w.status().warm.unwrap().version, "1");
}

fn newer(name: &'static str, phase: &'static str) -> Story {
    Story::given(name, live())
        .when(|w| w.apply(exchange("2")))
        .during(phase, |w| {
            w.step();
            w.tick();
            w.apply(exchange("3"));
        })
}

fn newer_spec_while_preparing() -> Story {
    newer("newer spec while preparing", "Preparing").then("the newer one is live", superseded)
}

fn newer_spec_while_verifying() -> Story {
    newer("newer spec while verifying", "Verifying").then("the newer one is live", superseded)
}

fn newer_spec_while_switching() -> Story {
    newer("newer spec while switching", "Switching").then("both were released", |w| {
        third_is_live(w);
        assert_eq!(w.status().warm.unwrap().version, "2");
    })
}

fn pod_joins_after_the_spec_moved_on() -> Story {
    newer("pod joins after the spec moved on", "Switching")
        .when(|w| {
            w.delete_a_pod("user", "green");
            for _ in 0..4 {
                w.tick();
            }
        })
        .then("it is probed as its own revision says", |w| {
            third_is_live(w);
            assert_eq!(w.status().warm.unwrap().version, "2");
        })
}

fn newer_spec_while_rolling_back() -> Story {
    Story::given("newer spec while rolling back", live())
        .when(|w| w.apply(exchange("2")))
        .during("Switching", |w| {
            w.step();
            w.break_pods("green");
        })
        .during("RollingBack", |w| w.apply(exchange("3")))
        .then("it goes back first", |w| {
            third_is_live(w);
            assert_eq!(w.status().warm.unwrap().version, "1");
        })
}

fn revert(name: &'static str, phase: &'static str) -> Story {
    Story::given(name, live())
        .when(|w| w.apply(exchange("2")))
        .during(phase, |w| {
            w.step();
            w.tick();
            w.apply(exchange("1"));
        })
}

fn nothing_happened(w: &World) {
    assert_eq!(
        (
            w.phase().as_str(),
            w.status().live.unwrap().version.as_str()
        ),
        ("Live", "1")
    );
    assert_eq!(w.status().switch.unwrap().epoch, 1);
    assert!(w.raw("Deployment", "shop-user-green").is_null());
    assert_eq!(w.status().history[0].outcome, Outcome::Superseded);
}

fn revert_to_live_while_preparing() -> Story {
    revert("revert to live while preparing", "Preparing").then("nothing happened", nothing_happened)
}

fn revert_to_live_while_verifying() -> Story {
    revert("revert to live while verifying", "Verifying").then("nothing happened", nothing_happened)
}

fn revert_to_live_while_switching() -> Story {
    revert("revert to live while switching", "Switching").then("it went there and back", |w| {
        assert_eq!(w.status().live.unwrap().version, "1");
        assert_eq!((w.phase().as_str(), w.cluster.made()), ("Live", 10));
    })
}

fn scale_change_while_preparing() -> Story {
    Story::given("scale change while preparing", live())
        .when(|w| w.apply(exchange("2")))
        .during("Preparing", |w| {
            w.step();
            w.apply(spec("2", |s| s["services"][0]["replicas"] = 3.into()));
        })
        .then("the same release goes on", |w| {
            assert_eq!(w.status().history.len(), 2);
            assert_eq!(w.status().live.unwrap().services[0].ready, 3);
        })
}

fn changed_smoke_while_verifying() -> Story {
    Story::given("changed smoke while verifying", live())
        .when(|w| w.apply(exchange("2")))
        .during("Verifying", |w| {
            w.step();
            w.apply(spec("2", |s| {
                s["services"][0]["smoke"][0]["expect"]["json"] =
                    serde_json::json!({"$.version": "x"});
            }));
        })
        .then("what was proven before does not count", |w| {
            assert_eq!(w.phase(), "Rejected");
            assert!(
                w.status()
                    .rejected
                    .unwrap()
                    .message
                    .contains(r#"expected $.version to be "x""#)
            );
        })
}
