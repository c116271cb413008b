//! Admission policies and webhooks that take what the operator writes for their own business.

use std::collections::BTreeMap;

use changeover_engine::Failure;
use jiff::SignedDuration;

use crate::model::{Pass, Story, World, exchange, live, spec, warm};

use super::lost::is_live;
use super::{stories, until_idle};

stories!(
    policy_takes_no_change_of_what_is_live,
    policy_takes_no_change_of_either_colour,
    policy_takes_no_deletion,
    policy_takes_no_deletion_and_no_child_of_live,
    webhook_that_is_away,
    webhook_that_sets_another_image,
);

/// For longer nothing is put off.
const AGAIN: SignedDuration = SignedDuration::from_secs(15);

/// Status tells of the policy; then it is gone, and what was put off is due.
fn denied_no_more(w: &mut World) {
    let (reason, message) = w.condition("Stalled").unwrap();
    assert_eq!(reason, "Refused");
    assert!(message.contains("denied by a policy"), "{message}");
    w.api.denied.clear();
    w.advance_clock(AGAIN);
}

/// Whoever tightens a policy releases the version that satisfies it, over one that does not.
fn policy_takes_no_change_of_what_is_live() -> Story {
    Story::given("policy takes no change of what is live", live())
        .when(|w| {
            w.api.denied = BTreeMap::from([("shop-trade-blue", 403)]);
            w.apply(exchange("2"));
        })
        .during("Baking", |w| {
            // Someone deletes what is live now, while the old colour is refused.
            w.delete("Service", "shop-user");
        })
        .during("Warm", |w| {
            until_idle(w);
            assert_eq!(w.status().live.unwrap().version, "2");
            let selector = &w.raw("Service", "shop-user")["spec"]["selector"];
            assert_eq!(selector["changeover.dev/colour"], "green");
            denied_no_more(w);
        })
        .then("what was refused is tried again", |w| {
            assert!(w.condition("Stalled").is_none());
            let labels = &w.raw("Deployment", "shop-trade-blue")["metadata"]["labels"];
            assert_eq!(labels["changeover.dev/generation"], "2");
        })
}

const REFUSED: [&str; 3] = ["shop-user-blue", "shop-trade-blue", "shop-user-green"];

/// While all that is refused is tried again and again.
fn says_one_thing(w: &mut World) {
    let version =
        |w: &World| w.raw("ExchangeRelease", "shop")["metadata"]["resourceVersion"].clone();
    let tries = |w: &World| {
        let failures = w.shell.failures.iter();
        let refused = failures.filter(|f| f.code == 403 && f.request.starts_with("apply "));
        refused.map(|f| f.last).collect::<Vec<_>>()
    };
    let (told, before) = (version(w), tries(w));
    for _ in 0..40 {
        w.step();
        w.advance_clock(SignedDuration::from_millis(900));
    }
    let since = tries(w);
    assert_eq!([before.len(), since.len()], [REFUSED.len(); 2]);
    assert!(since.iter().all(|at| before.iter().all(|old| at > old)));
    until_idle(w);
    let Pass::Idle(next) = w.step() else {
        panic!("it does not wait");
    };
    assert!(next <= tries(w).into_iter().min().map(|last| last + AGAIN));
    assert_eq!(version(w), told, "{:?}", w.condition("Stalled"));
}

/// Any edit of the spec marks all Deployments: of some that are refused in turn, none holds up what is asked beside.
fn policy_takes_no_change_of_either_colour() -> Story {
    Story::given("policy takes no change of either colour", live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| {
            w.api.denied = REFUSED.map(|name| (name, 403)).into();
            w.apply(spec("2", |s| s["keepFailed"] = "1m".into()));
        })
        .during("Warm", |w| {
            until_idle(w);
            assert_eq!(w.status().live.unwrap().version, "2");
            says_one_thing(w);
            denied_no_more(w);
        })
        .then("what was refused is tried again", |w| {
            assert!(w.condition("Stalled").is_none());
            for name in REFUSED {
                let labels = &w.raw("Deployment", name)["metadata"]["labels"];
                assert_eq!(labels["changeover.dev/generation"], "3", "{name}");
            }
        })
}

/// A third version, while what is left of the first one stays.
fn nothing_is_deleted(name: &'static str) -> Story {
    Story::given(name, warm())
        .when(|w| {
            let old = w.api.list("ConfigMap").map(World::name_of);
            w.api.kept = old.collect();
            w.apply(exchange("3"));
        })
        .during("Baking", |w| assert!(!w.api.kept.is_empty()))
}

fn is_made_up_for(w: &World) {
    is_live(w, "Warm", "3");
    assert!(w.condition("Stalled").is_none());
}

fn policy_takes_no_deletion() -> Story {
    nothing_is_deleted("policy takes no deletion")
        .during("Warm", |w| {
            until_idle(w);
            assert_eq!(w.status().live.unwrap().version, "3");
            let (reason, message) = w.condition("Stalled").unwrap();
            assert_eq!(reason, "Refused");
            assert!(message.starts_with("delete ConfigMap shop-"), "{message}");
            w.api.kept.clear();
            w.advance_clock(AGAIN);
        })
        .then("once it may, it is made up for", is_made_up_for)
}

/// What clients miss is told before what nobody needs.
fn policy_takes_no_deletion_and_no_child_of_live() -> Story {
    nothing_is_deleted("policy takes no deletion, and no child of live")
        .during("Warm", |w| {
            until_idle(w);
            let (_, message) = w.condition("Stalled").unwrap();
            assert!(message.starts_with("delete ConfigMap shop-"), "{message}");
            w.api.denied = BTreeMap::from([("shop-trade-blue", 403)]);
            w.delete("Deployment", "shop-trade-blue");
            until_idle(w);
            let (_, message) = w.condition("Stalled").unwrap();
            let words = "create Deployment shop-trade-blue: denied by a policy";
            assert_eq!(message, words);
            assert_eq!(w.condition("Ready"), None);
            w.api.kept.clear();
            w.api.denied.clear();
            w.advance_clock(AGAIN);
        })
        .then("once it may, it is made up for", is_made_up_for)
}

/// What passes by itself is waited for, but not for ever.
fn webhook_that_is_away() -> Story {
    Story::given("webhook that is away", live())
        .when(|w| {
            w.api.denied = BTreeMap::from([("shop-trade-blue", 500)]);
            w.apply(exchange("2"));
            w.until("Preparing");
            // What answers for it is now one, now another.
            for code in [503, 403, 504, 403, 500, 403] {
                w.step();
                w.advance_clock(SignedDuration::from_secs(9));
                w.api.denied = BTreeMap::from([("shop-trade-blue", code)]);
            }
            let lasted = w.shell.failures.iter().map(Failure::lasted).max();
            assert!(lasted >= Some(SignedDuration::from_secs(27)), "{lasted:?}");
        })
        .during("Warm", |w| {
            assert_eq!(w.status().live.unwrap().version, "2");
            w.api.denied.clear();
            w.advance_clock(AGAIN);
        })
        .then("it is made up for", |w| {
            assert!(w.condition("Stalled").is_none());
            let labels = &w.raw("Deployment", "shop-trade-blue")["metadata"]["labels"];
            assert_eq!(labels["changeover.dev/generation"], "2");
        })
}

/// What runs would not be what was applied.
fn webhook_that_sets_another_image() -> Story {
    Story::given("webhook that sets another image", live())
        .when(|w| {
            w.api.images = BTreeMap::from([("shop-user-green", "user@sha256:2")]);
            w.apply(spec("2", |s| s["progressDeadline"] = "60s".into()));
        })
        .during("Preparing", |w| {
            for _ in 0..20 {
                w.step();
                w.tick();
            }
            let (reason, message) = w.condition("Stalled").unwrap();
            assert_eq!(reason, "Refused");
            let words =
                "apply Deployment shop-user-green: it was taken, and what it sets is not so";
            assert!(message.starts_with(words), "{message}");
        })
        .then("it is not released, and says why", |w| {
            is_live(w, "Rejected", "1");
            let why = w.status().rejected.unwrap().message;
            assert!(
                why.contains("an admission webhook may set it otherwise"),
                "{why}"
            );
        })
}
