//! A scale that grows while a release goes on: pods that are still to come make nothing of what serves worse.

use jiff::SignedDuration;

use crate::model::{Fate, Story, World, live, spec, warm};

use super::{released, stories};

stories!(
    scaled_up_while_baking,
    abort_after_a_scale_up_without_room,
    rollback_after_a_scale_up_without_room,
    scaled_up_in_the_middle_of_the_flip,
    one_of_two_pods_is_not_the_colour,
    back_to_half_of_the_old_colour,
    dropped_service_keeps_its_pods,
);

/// Eight pods of user in version 2, where a quota takes no more than there are.
fn without_room(w: &mut World) {
    for image in ["user:1", "user:2"] {
        w.fate(image, Fate::Quota);
    }
    w.apply(spec("2", |s| s["services"][0]["replicas"] = 8.into()));
}

fn is_back(w: &World) {
    assert_eq!(w.phase(), "RolledBack", "{:?}", w.condition("Stalled"));
    for service in ["shop-user", "shop-trade", "shop-notification"] {
        let selector = &w.raw("Service", service)["spec"]["selector"];
        assert_eq!(selector["changeover.dev/colour"], "blue");
    }
}

fn scaled_up_while_baking() -> Story {
    Story::given(
        "scaled up while baking",
        released(live(), spec("2", |_| {})),
    )
    .during("Baking", without_room)
    .then("nobody's pod failed: it stays live", |w| {
        assert_eq!(w.phase(), "Warm");
        let user = &w.status().live.unwrap().services[0];
        assert_eq!((user.ready, user.desired, user.reached), (2, 8, Some(2)));
        assert!(w.condition("Ready").is_some());
    })
    .when(World::heal_pods)
    .then("it has grown", |w| {
        let user = &w.status().live.unwrap().services[0];
        assert_eq!((user.ready, user.reached), (8, Some(8)));
    })
}

fn abort_after_a_scale_up_without_room() -> Story {
    let world = released(live(), spec("2", |_| {}));
    Story::given("abort after a scale up without room", world)
        .during("Baking", |w| {
            without_room(w);
            w.break_pods("green");
            w.annotate("abort", "1");
        })
        .then("all that the old colour had is there", is_back)
}

fn rollback_after_a_scale_up_without_room() -> Story {
    Story::given("rollback after a scale up without room", warm())
        .when(without_room)
        .then("both are as they were", |w| assert_eq!(w.phase(), "Warm"))
        .when(|w| w.annotate("rollback", "1"))
        .then("clients are back", is_back)
}

fn scaled_up_in_the_middle_of_the_flip() -> Story {
    let world = released(live(), spec("2", |_| {}));
    Story::given("scaled up in the middle of the flip", world)
        .during("Switching", without_room)
        .then("it goes on", |w| assert_eq!(w.phase(), "Warm"))
}

fn one_of_two_pods_is_not_the_colour() -> Story {
    Story::given("one of two pods is not the colour", live())
        .when(|w| {
            w.fate("user:2", Fate::OnlyOneReady);
            w.apply(spec("2", |_| {}));
        })
        .then("it is rejected, and the message names the pod", |w| {
            assert_eq!(w.phase(), "Rejected");
            let rejected = w.status().rejected.unwrap();
            let why = "user: 1 of 2 pods ready: pod shop-user-green-2";
            assert!(rejected.message.contains(why), "{rejected:?}");
        })
}

fn back_to_half_of_the_old_colour() -> Story {
    Story::given("back to half of the old colour", warm())
        .when(|w| {
            let uid = w.raw("Pod", "shop-user-blue-1")["metadata"]["uid"].clone();
            w.cluster.broken.insert(uid.as_str().unwrap().to_owned());
            w.tick();
            w.annotate("rollback", "1");
        })
        .then("one of two pods can serve until the other does", |w| {
            is_back(w);
            let journal = w.status().switch.unwrap();
            let took = SignedDuration::from_millis(journal.switch_millis.unwrap());
            assert!(took < SignedDuration::from_secs(2), "{took:?}");
        })
}

fn has_all(w: &World) {
    let trade = w.raw("Deployment", "shop-trade-blue");
    assert_eq!(trade["spec"]["replicas"], 3);
}

/// Version 2 has no trade: nothing in the spec says how many pods of it clients need until they have left, nor does
/// what was stored before it was scaled.
fn dropped_service_keeps_its_pods() -> Story {
    Story::given("dropped service keeps its pods", live())
        .when(|w| w.apply(spec("1", |s| s["services"][1]["replicas"] = 3.into())))
        .then("it is scaled in place", has_all)
        .when(|w| {
            w.apply(spec("2", |s| {
                s["services"].as_array_mut().unwrap().remove(1);
                let steps = &mut s["verification"]["journeys"][0]["steps"];
                steps.as_array_mut().unwrap().truncate(1);
            }));
        })
        .then("all are kept for a way back", |w| {
            assert_eq!(w.phase(), "Warm");
            has_all(w);
        })
        .when(|w| w.annotate("rollback", "1"))
        .then("all serve again", |w| {
            is_back(w);
            has_all(w);
        })
}
