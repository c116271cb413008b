//! The new colour is live and watched.

use changeover_crds::Outcome;
use changeover_engine::{QuestionKey, Through};
use jiff::SignedDuration;

use crate::model::{Story, TYPO, World, exchange, live, spec};

use super::switch::rolled_back;
use super::{stories, until_idle};

stories!(
    journey_fails_before_the_switch,
    journey_fails_while_baking,
    journey_fails_as_the_bake_ends,
    one_flaky_run_is_no_failure,
    container_restarts,
    restarts_before_the_switch_do_not_count,
    pods_deleted_while_baking,
    too_few_ready_for_ten_seconds,
    too_few_ready_for_a_moment,
    old_version_named_again_while_baking,
    another_version_while_baking,
    no_bake_at_all,
    first_install_fails_while_baking,
    fix_after_a_first_install_that_failed_while_baking,
    journey_corrected_before_a_retry,
    journey_runs_as_the_bake_ends,
    unknown_service_in_a_journey,
    journey_made_invalid_while_baking,
);

fn baking(name: &'static str, act: fn(&mut World)) -> Story {
    Story::given(name, live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", act)
}

fn bad(w: &mut World) {
    w.bad_journeys.insert("trade:2".to_owned());
}

fn journey_fails_before_the_switch() -> Story {
    Story::given("journey fails before the switch", live())
        .when(|w| {
            bad(w);
            w.apply(exchange("2"));
        })
        .then("no client saw it", |w| {
            let rejected = w.status().rejected.unwrap();
            assert_eq!(
                (w.phase().as_str(), rejected.reason.as_str()),
                ("Rejected", "JourneyFailed")
            );
            assert!(rejected.message.contains("expected status 201, got 500"));
            assert_eq!(w.status().live.unwrap().version, "1");
        })
}

fn journey_fails_while_baking() -> Story {
    baking("journey fails while baking", bad).then("it goes back", |w| {
        rolled_back(w);
        let rejected = w.status().rejected.unwrap();
        assert_eq!(rejected.reason, "JourneyFailed");
        assert!(
            rejected.message.contains("2 times in a row"),
            "{}",
            rejected.message
        );
    })
}

fn journey_fails_as_the_bake_ends() -> Story {
    // Its second run is due when the bake is over: that time is waited for, not one that has passed.
    baking("journey fails as the bake ends", |w| {
        bad(w);
        w.advance_clock(jiff::SignedDuration::from_secs(17));
        w.crash();
    })
    .then("it goes back", rolled_back)
}

fn one_flaky_run_is_no_failure() -> Story {
    baking("one flaky run is no failure", |w| {
        bad(w);
        for _ in 0..100 {
            if w.shell.answers.values().all(|r| r.result.is_ok()) {
                w.step();
                w.tick();
            }
        }
        w.bad_journeys.clear();
    })
    .then("it stays", |w| assert_eq!(w.phase(), "Warm"))
}

fn container_restarts() -> Story {
    baking("container restarts", |w| w.cluster.restart("user:2")).then("it goes back", |w| {
        rolled_back(w);
        let rejected = w.status().rejected.unwrap();
        assert_eq!(rejected.reason, "ContainerRestarted");
        assert!(
            rejected.message.contains("pod shop-user-green-"),
            "{}",
            rejected.message
        );
    })
}

fn restarts_before_the_switch_do_not_count() -> Story {
    Story::given("restarts before the switch do not count", live())
        .when(|w| {
            w.cluster.restart("user:2");
            w.apply(exchange("2"));
        })
        .then("it stays", |w| assert_eq!(w.phase(), "Warm"))
}

fn pods_deleted_while_baking() -> Story {
    baking("pods deleted while baking", |w| {
        w.delete_a_pod("user", "green");
        w.delete_a_pod("trade", "green");
        w.delete_a_pod("notification", "green");
    })
    .then("a node drain is no failure", |w| {
        assert_eq!(w.phase(), "Warm")
    })
}

fn too_few_ready_for_ten_seconds() -> Story {
    Story::given("too few ready for ten seconds", live())
        // A journey would notice earlier.
        .when(|w| {
            w.apply(spec("2", |s| {
                s["verification"]["journeys"] = serde_json::json!([])
            }))
        })
        .during("Baking", |w| w.break_pods("green"))
        .then("it goes back", |w| {
            rolled_back(w);
            assert_eq!(w.status().rejected.unwrap().reason, "LiveDegraded");
        })
}

fn too_few_ready_for_a_moment() -> Story {
    baking("too few ready for a moment", |w| {
        w.break_pods("green");
        for _ in 0..8 {
            w.step();
            w.tick();
        }
        w.heal_pods();
    })
    .then("it stays", |w| assert_eq!(w.phase(), "Warm"))
}

fn old_version_named_again_while_baking() -> Story {
    baking("old version named again while baking", |w| {
        w.apply(exchange("1"))
    })
    .then("it goes back at once, and settles", |w| {
        assert_eq!((w.phase().as_str(), w.cluster.made()), ("Live", 10));
        assert_eq!(w.status().live.unwrap().version, "1");
        assert_eq!(w.status().switch.unwrap().epoch, 3);
    })
}

fn another_version_while_baking() -> Story {
    baking("another version while baking", |w| w.apply(exchange("3"))).then(
        "it follows after the bake",
        |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Warm", "3")
            );
            assert_eq!(w.status().warm.unwrap().version, "2");
        },
    )
}

fn no_bake_at_all() -> Story {
    Story::given("no bake at all", live())
        .when(|w| w.apply(spec("2", |s| s["verification"]["bake"] = "0s".into())))
        .then(
            "its journeys passed through the live Services all the same",
            |w| {
                assert_eq!(w.phase(), "Warm");
                let runs = w
                    .shell
                    .answers
                    .keys()
                    .filter(|k| k.kind() == "journey")
                    .count();
                assert_eq!(
                    runs, 4,
                    "each version through its pinned Services, then the live ones"
                );
            },
        )
}

fn first_install_fails_while_baking() -> Story {
    Story::given(
        "first install fails while baking",
        World::new(exchange("1")),
    )
    .during("Baking", |w| w.cluster.restart("trade:1"))
    .then("clients stay, and it says so", |w| {
        assert_eq!(w.condition("Stalled").unwrap().0, "NothingToGoBackTo");
        assert_eq!(
            (
                w.phase().as_str(),
                w.status().live.unwrap().version.as_str()
            ),
            ("Rejected", "1")
        );
        assert!(!w.raw("Service", "shop-trade").is_null());
    })
}

fn fix_after_a_first_install_that_failed_while_baking() -> Story {
    first_install_fails_while_baking()
        .named("fix after a first install that failed while baking")
        .when(|w| w.apply(exchange("1.1")))
        .then("the fix is live", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Warm", "1.1")
            );
        })
}

/// What was stored with its first child is not what it was verified with.
fn journey_corrected_before_a_retry() -> Story {
    Story::given("journey corrected before a retry", live())
        .when(|w| {
            w.apply(spec("2", |s| {
                s["verification"]["journeys"][0]["steps"][0]["path"] = TYPO.into();
            }));
        })
        .then("it is rejected", |w| assert_eq!(w.phase(), "Rejected"))
        .when(|w| {
            w.apply(exchange("2"));
            w.annotate("retry", "1");
        })
        .during("Baking", |w| w.apply(exchange("3")))
        .then(
            "the corrected one judges, and stands before the next",
            |w| {
                let history = w.status().history;
                let ends = history.iter().map(|h| (h.version.as_str(), h.outcome));
                let (live, rejected) = (Outcome::Live, Outcome::Rejected);
                let expected = [("3", live), ("2", live), ("2", rejected), ("1", live)];
                assert_eq!(ends.collect::<Vec<_>>(), expected);
                assert_eq!(w.cluster.made(), 15, "no pod was made twice");
            },
        )
}

/// One passed, and its next run goes on when the bake is over.
fn journey_runs_as_the_bake_ends() -> Story {
    baking("journey runs as the bake ends", |w| {
        let is_live = |key: &QuestionKey| {
            matches!(
                key,
                QuestionKey::Journey {
                    through: Through::Live(2),
                    ..
                }
            )
        };
        while !w.shell.answers.keys().any(is_live) {
            w.step();
            w.tick();
        }
        w.silent = true;
        for seconds in [15, 120] {
            w.advance_clock(SignedDuration::from_secs(seconds));
            until_idle(w);
        }
        assert!(!w.shell.pending.is_empty(), "its next run goes on");
        assert_eq!(w.phase(), "Warm");
        w.silent = false;
    })
    .then("nobody waited for it", |w| assert_eq!(w.phase(), "Warm"))
}

fn unknown_service_in_a_journey() -> Story {
    Story::given("unknown service in a journey", live())
        .when(|w| {
            w.apply(spec("2", |s| {
                s["verification"]["journeys"][0]["steps"][0]["service"] = "usr".into();
            }));
        })
        .then("it is not begun, and says what to change", |w| {
            let (reason, message) = w.condition("Stalled").unwrap();
            assert_eq!(reason, "InvalidSpec");
            assert!(message.contains("usr"), "{message}");
            assert_eq!(w.status().live.unwrap().version, "1");
        })
}

/// The revision stays the same: what it was verified with judges on.
fn journey_made_invalid_while_baking() -> Story {
    baking("journey made invalid while baking", |w| {
        w.apply(spec("2", |s| {
            s["verification"]["journeys"][0]["steps"][0]["service"] = "usr".into();
        }));
    })
    .during("Warm", |w| {
        until_idle(w);
        assert_eq!(w.status().live.unwrap().version, "2");
        assert_eq!(w.condition("Stalled").unwrap().0, "InvalidSpec");
    })
    .when(|w| w.apply(exchange("2")))
    .then("corrected, nothing stands in the way", |w| {
        assert_eq!(w.phase(), "Warm");
        assert!(w.condition("Stalled").is_none());
    })
}
