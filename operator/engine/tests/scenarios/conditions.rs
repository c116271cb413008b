//! `Ready` is about clients, whatever the phase; the checker holds it against the pods at every rest.

use crate::model::{Fate, Story, World, exchange, live};

use super::stories;

stories!(
    first_install_is_not_ready_before_it_is_live,
    nobody_is_ready,
    one_service_is_not_ready,
);

fn is_not_ready(w: &World, phase: &str) {
    assert_eq!(w.phase(), phase);
    assert_eq!(w.condition("Ready"), None);
}

fn first_install_is_not_ready_before_it_is_live() -> Story {
    Story::given(
        "first install is not ready before it is live",
        World::new(exchange("1")),
    )
    .during("Preparing", |w| w.annotate("pause", "true"))
    .then("its pods serve nobody yet", |w| {
        is_not_ready(w, "Preparing")
    })
    .when(|w| w.annotate("pause", ""))
    .then("now they do", |w| {
        assert_eq!(w.phase(), "Live");
        assert!(w.condition("Ready").is_some());
    })
}

fn nobody_is_ready() -> Story {
    Story::given("nobody is ready", live())
        .when(|w| w.break_pods("blue"))
        .then("clients are not served", |w| is_not_ready(w, "Live"))
        .when(|w| w.apply(exchange("2")))
        .during("Preparing", |w| w.annotate("pause", "true"))
        .then("nor by what is prepared", |w| is_not_ready(w, "Preparing"))
        .when(World::heal_pods)
        .then("by what is live again", |w| {
            assert_eq!(w.phase(), "Preparing");
            assert_eq!(w.status().live.unwrap().version, "1");
            assert!(w.condition("Ready").is_some());
        })
}

fn one_service_is_not_ready() -> Story {
    Story::given("one service is not ready", live())
        .when(|w| {
            w.fate("notification:1", Fate::NeverReady);
            w.tick();
            w.tick();
        })
        .then("an exchange serves with all of its services", |w| {
            is_not_ready(w, "Live");
        })
}
