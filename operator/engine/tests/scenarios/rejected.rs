//! After a rejection: what was refused stays so until a person asks for it again, or for something else.

use std::sync::Arc;

use crate::model::{Story, exchange, live, spec};

use super::refuse::{broken, is_untouched};
use super::stories;

stories!(
    rejected_is_not_tried_again,
    retry_of_a_rejected_version,
    retry_while_paused,
    retry_of_nothing,
    revert_after_a_rejection,
    fix_after_a_rejection,
);

/// Version 2 was rejected.
fn rejected(name: &'static str) -> Story {
    Story::given(name, broken())
        .when(|w| w.apply(exchange("2")))
        .then("it is rejected", is_untouched)
}

fn rejected_is_not_tried_again() -> Story {
    Story::given("rejected is not tried again", broken())
        .when(|w| w.apply(exchange("2")))
        .after(601)
        .when(|w| {
            w.answers.clear();
            w.apply(spec("2", |s| s["rollbackWindow"] = "1h".into()));
        })
        .then("a changed window makes no new revision", is_untouched)
}

fn retry_of_a_rejected_version() -> Story {
    rejected("retry of a rejected version")
        .when(|w| {
            w.answers.clear();
            w.annotate("retry", "once more");
        })
        .then("it is live", |w| {
            assert_eq!(w.status().live.unwrap().version, "2");
            assert_eq!(w.status().handled.retry.as_deref(), Some("once more"));
            assert!(w.status().rejected.is_none());
        })
}

fn retry_while_paused() -> Story {
    rejected("retry while paused")
        .when(|w| {
            w.answers.clear();
            w.annotate("pause", "true");
            w.annotate("retry", "once more");
        })
        .then("it says that it is paused", |w| {
            is_untouched(w);
            let (_, message) = w.condition("Stalled").unwrap();
            assert!(message.contains("; paused"), "{message}");
        })
        .when(|w| w.annotate("pause", ""))
        .then("then it is tried again", |w| {
            assert_eq!(w.status().live.unwrap().version, "2");
        })
}

fn retry_of_nothing() -> Story {
    Story::given("retry of nothing", live())
        .when(|w| w.annotate("retry", "1"))
        .then("it says so", |w| {
            assert_eq!(w.phase(), "Live");
            let told = ("NothingToDo", Arc::from("retry: 1 was not rejected"));
            assert!(w.events.contains(&told), "{:?}", w.events);
        })
}

fn revert_after_a_rejection() -> Story {
    rejected("revert after a rejection")
        .when(|w| w.apply(exchange("1")))
        .then("it is forgotten, but for its logs", |w| {
            assert_eq!(w.phase(), "Live");
            assert!(w.status().rejected.is_none() && w.condition("Stalled").is_none());
            assert!(!w.raw("Deployment", "shop-user-green").is_null());
        })
        .after(601)
        .then("its pods are gone", |w| {
            assert_eq!(w.phase(), "Live");
            assert!(w.raw("Deployment", "shop-user-green").is_null());
        })
}

fn fix_after_a_rejection() -> Story {
    rejected("fix after a rejection")
        .when(|w| w.apply(exchange("2.1")))
        .then("the fix is live", |w| {
            assert_eq!(w.status().live.unwrap().version, "2.1")
        })
}
