//! The first release of an exchange.

use std::sync::Arc;

use crate::model::{Fate, Story, World, exchange, spec};

use super::stories;

stories!(
    first_install,
    first_install_without_smoke_probes,
    first_install_that_cannot_be_carried_out,
    first_install_that_never_gets_ready,
    fixed_first_install,
    first_install_loses_its_pods_in_the_switch,
    fix_after_a_first_install_that_lost_its_pods,
);

fn first_install() -> Story {
    Story::given("first install", World::new(exchange("1"))).then("it is live on blue", |w| {
        let status = w.status();
        assert_eq!(w.phase(), "Live");
        assert_eq!(status.live.unwrap().colour.as_str(), "blue");
        assert!(status.warm.is_none() && status.candidate.is_none());
        assert_eq!(w.condition("Ready").unwrap().1, "1 is live on blue");
        assert!(w.condition("Stalled").is_none() && w.condition("Reconciling").is_none());
        assert!(w.condition("Switched").is_some());
        let told: Vec<_> = w.events.iter().map(|(reason, _)| *reason).collect();
        assert_eq!(told, ["ReleaseStarted", "Verified", "Switched", "Baked"]);
        // Preparing, Verifying, Switching, Baking, Live: a brief phase writes no progress.
        let is_status = |line: &&Arc<str>| line.contains("Status ExchangeRelease");
        assert_eq!(w.api.log.iter().filter(is_status).count(), 5);
        assert_eq!(
            w.raw("Service", "shop-user")["metadata"]["annotations"]["changeover.dev/epoch"],
            "1"
        );
    })
}

fn first_install_without_smoke_probes() -> Story {
    let spec = spec("1", |s| {
        for service in s["services"].as_array_mut().unwrap() {
            service["smoke"] = serde_json::json!([]);
        }
    });
    Story::given("first install without smoke probes", World::new(spec))
        .then("it is live", |w| assert_eq!(w.phase(), "Live"))
}

fn first_install_that_cannot_be_carried_out() -> Story {
    let invalid = spec("1", |s| {
        s["services"][0]["smoke"][0]["expect"]["json"] = serde_json::json!({"$[": 1})
    });
    Story::given(
        "first install that cannot be carried out",
        World::new(invalid),
    )
    .then("it says so and begins nothing", |w| {
        let (reason, _) = w.condition("Stalled").unwrap();
        assert_eq!(
            (w.phase().as_str(), reason.as_str()),
            ("Pending", "InvalidSpec")
        );
        assert_eq!(w.api.list("Deployment").count(), 0);
    })
    .when(|w| w.apply(exchange("1")))
    .then("corrected, it is live", |w| assert_eq!(w.phase(), "Live"))
}

fn failing(fate: Fate) -> World {
    let mut world = World::new(exchange("1"));
    world.fate("user:1", fate);
    world
}

fn first_install_that_never_gets_ready() -> Story {
    let message = "cannot reach the database: check DATABASE_URL";
    Story::given(
        "first install that never gets ready",
        failing(Fate::Crashes(message)),
    )
    .then("it is rejected with the pod's last words", |w| {
        let (reason, message) = w.condition("Stalled").unwrap();
        assert_eq!(
            (w.phase().as_str(), reason.as_str()),
            ("Rejected", "ProgressDeadlineExceeded")
        );
        assert!(
            message.contains("cannot reach the database: check DATABASE_URL"),
            "{message}"
        );
        assert!(message.contains("pod shop-user-blue-"), "{message}");
        assert!(message.contains("nothing is live"), "{message}");
        assert!(
            w.raw("Service", "shop-user").is_null(),
            "no live Service before the switch"
        );
    })
    .after(601)
    .then("its pods are collected", |w| {
        assert!(w.raw("Deployment", "shop-user-blue").is_null());
        assert_eq!(w.phase(), "Rejected");
    })
}

fn fixed_first_install() -> Story {
    Story::given("fixed first install", failing(Fate::ImageMissing))
        .then("the image is named as the cause", |w| {
            assert!(
                w.condition("Stalled")
                    .unwrap()
                    .1
                    .contains("ImagePullBackOff")
            );
        })
        .when(|w| w.apply(exchange("2")))
        .then("the fix is live", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Live", "2")
            );
        })
}

fn first_install_loses_its_pods_in_the_switch() -> Story {
    Story::given(
        "first install loses its pods in the switch",
        World::new(exchange("1")),
    )
    .during("Switching", |w| w.break_pods("blue"))
    .then("there is nothing to go back to", |w| {
        assert_eq!(w.status().rejected.unwrap().reason, "NothingToGoBackTo");
    })
}

fn fix_after_a_first_install_that_lost_its_pods() -> Story {
    Story::given(
        "fix after a first install that lost its pods",
        World::new(exchange("1")),
    )
    .during("Switching", |w| {
        w.step();
        w.step();
        w.break_pods("blue");
    })
    .then("it is rejected", |w| {
        assert_eq!(w.phase(), "Rejected");
        assert!(
            !w.raw("Service", "shop-user").is_null(),
            "live Services stay"
        );
    })
    .when(World::heal_pods)
    .when(|w| w.apply(exchange("2")))
    .then("the fix is built beside what clients still use", |w| {
        let live = w.status().live.unwrap();
        assert_eq!(
            (live.version.as_str(), live.colour.as_str()),
            ("2", "green")
        );
    })
}
