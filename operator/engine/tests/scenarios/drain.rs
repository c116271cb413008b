//! Clients leave the old colour, by evidence, and are never sent to a pod that asks them to leave.

use changeover_crds::DrainEnd;

use serde_json::json;

use crate::model::{Story, World, exchange, live, spec};

use super::stories;

stories!(
    quiet_ends_the_drain,
    clinging_clients_meet_the_deadline,
    pods_that_cannot_be_asked,
    without_an_admin_port_the_whole_deadline,
    a_short_window_waits_for_the_drain,
    rollback_in_the_middle_of_a_drain,
    rollback_to_pods_that_do_not_hear,
    rollback_long_after_the_drain,
    rollback_with_a_pod_that_has_no_address,
    revert_while_baking,
    revert_in_the_middle_of_a_drain,
    newer_version_in_the_middle_of_a_drain,
);

fn ended(w: &World) -> Option<DrainEnd> {
    assert_eq!(w.phase(), "Warm");
    let drain = w.status().drain.unwrap();
    assert_eq!((drain.epoch, drain.colour.as_str()), (2, "blue"));
    drain.ended_by
}

fn seconds(w: &World) -> i64 {
    let drain = w.status().drain.unwrap();
    drain
        .ended_at
        .unwrap()
        .0
        .duration_since(drain.started_at.0)
        .as_secs()
}

fn release(name: &'static str, act: fn(&mut World)) -> Story {
    Story::given(name, live())
        .when(act)
        .when(|w| w.apply(exchange("2")))
}

fn quiet_ends_the_drain() -> Story {
    release("quiet ends the drain", |_| {}).then("nobody asked for 10 s", |w| {
        assert_eq!(ended(w), Some(DrainEnd::Quiet));
        assert!((10..20).contains(&seconds(w)), "{} s", seconds(w));
        assert!(w.condition("Drained").is_some());
    })
}

fn clinging_clients_meet_the_deadline() -> Story {
    release("clinging clients meet the deadline", |w| w.clinging = true).then(
        "60 s, and no longer",
        |w| {
            assert_eq!((ended(w), seconds(w)), (Some(DrainEnd::Deadline), 60));
        },
    )
}

fn pods_that_cannot_be_asked() -> Story {
    release("pods that cannot be asked", |w| w.deaf = true).then("60 s, and it says why", |w| {
        assert_eq!((ended(w), seconds(w)), (Some(DrainEnd::Unmeasured), 60));
    })
}

fn without_an_admin_port_the_whole_deadline() -> Story {
    let portless = |version| {
        spec(version, |s| {
            let service = s["services"][0].as_object_mut();
            service.map(|s| s.remove("adminPort"));
        })
    };
    let mut world = World::new(portless("1"));
    world.settle();
    Story::given("without an admin port the whole deadline", world)
        .when(|w| {
            w.apply(spec("2", |s| {
                let service = s["services"][0].as_object_mut();
                service.map(|s| s.remove("adminPort"));
            }));
        })
        .then("60 s, and it says why", |w| {
            assert_eq!((ended(w), seconds(w)), (Some(DrainEnd::Unmeasured), 60));
        })
}

fn a_short_window_waits_for_the_drain() -> Story {
    Story::given("a short window waits for the drain", live())
        .when(|w| {
            w.clinging = true;
            w.apply(spec("2", |s| {
                s["rollbackWindow"] = "0s".into();
                s["verification"]["bake"] = "0s".into();
            }));
        })
        .then("clients leave first", |w| {
            assert_eq!(w.phase(), "Live");
            assert_eq!(seconds(w), 60);
            assert!(w.raw("Deployment", "shop-user-blue").is_null());
        })
}

/// The checker sees to it that no Service goes to a pod that drains.
fn rollback_in_the_middle_of_a_drain() -> Story {
    release("rollback in the middle of a drain", |_| {})
        .during("Baking", |w| {
            for _ in 0..4 {
                w.step();
                w.tick();
            }
            w.annotate("rollback", "1");
        })
        .then("the leases are taken back first", |w| {
            assert_eq!(w.phase(), "RolledBack");
            let drain = w.status().drain.unwrap();
            assert_eq!((drain.epoch, drain.colour.as_str()), (3, "green"));
        })
}

fn rollback_to_pods_that_do_not_hear() -> Story {
    release("rollback to pods that do not hear", |_| {})
        .during("Baking", |w| {
            w.deaf = true;
            w.annotate("rollback", "1");
        })
        .then("it waits for a second, and no longer", |w| {
            assert!((1000..2000).contains(&way_back(w)), "{} ms", way_back(w));
        })
}

/// How long it took, in milliseconds.
fn way_back(w: &World) -> i64 {
    assert_eq!(w.phase(), "RolledBack");
    w.status().switch.unwrap().switch_millis.unwrap()
}

fn rollback_long_after_the_drain() -> Story {
    release("rollback long after the drain", |_| {})
        .after(60)
        .then("it is warm", |w| {
            assert_eq!(ended(w), Some(DrainEnd::Quiet))
        })
        .when(|w| {
            w.deaf = true;
            w.annotate("rollback", "1");
        })
        .then("every lease has lapsed: nobody is waited for", |w| {
            assert!(way_back(w) < 1000, "{} ms", way_back(w));
        })
}

fn rollback_with_a_pod_that_has_no_address() -> Story {
    release("rollback with a pod that has no address", |_| {})
        .during("Baking", |w| {
            w.edit("Pod", "shop-user-blue-1", |p| p["status"] = json!({}));
            w.annotate("rollback", "1");
        })
        .then("it cannot drain: it is not waited for", |w| {
            // The other pods hear, then the slices follow: half a second each.
            assert!(way_back(w) < 1200, "{} ms", way_back(w));
        })
}

fn revert_while_baking() -> Story {
    release("revert while baking", |_| {})
        .during("Baking", |w| w.apply(exchange("1")))
        .then("clients leave the failed colour in peace", |w| {
            assert_eq!(w.phase(), "Live");
            let drain = w.status().drain.unwrap();
            assert_eq!(
                (drain.colour.as_str(), drain.ended_by),
                ("green", Some(DrainEnd::Quiet))
            );
            assert!(!w.raw("Deployment", "shop-user-green").is_null());
        })
        .after(601)
        .then("its logs were there for keepFailed", |w| {
            assert!(w.raw("Deployment", "shop-user-green").is_null());
            assert!(w.status().candidate.is_none());
        })
}

fn revert_in_the_middle_of_a_drain() -> Story {
    Story::given("revert in the middle of a drain", live())
        .when(|w| {
            w.clinging = true;
            w.apply(spec("2", |s| s["verification"]["bake"] = "0s".into()));
        })
        .during("Warm", |w| w.apply(exchange("1")))
        .then("its pods were asked no more", |w| {
            assert_eq!((w.phase().as_str(), w.cluster.made()), ("Warm", 10));
            assert_eq!(w.status().live.unwrap().version, "1");
        })
}

fn newer_version_in_the_middle_of_a_drain() -> Story {
    Story::given("newer version in the middle of a drain", live())
        .when(|w| {
            w.clinging = true;
            w.apply(spec("2", |s| s["verification"]["bake"] = "0s".into()));
        })
        .during("Warm", |w| w.apply(exchange("3")))
        .then("it does not wait", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Warm", "3")
            );
        })
}
