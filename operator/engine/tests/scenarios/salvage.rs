//! A stored revision that someone deletes.

use changeover_crds::names;
use serde_json::Value;

use crate::model::{RELEASE, Story, World, exchange, live};

use super::stories;

stories!(
    old_revision_deleted_in_the_bake,
    old_revision_deleted_with_a_child,
    live_revision_deleted_under_another_renderer,
    new_revision_deleted_in_the_switch,
    live_revision_deleted_with_the_status,
);

fn old_revision_deleted_in_the_bake() -> Story {
    Story::given("old stored revision deleted in the bake", live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| {
            delete_old_revision(w);
            w.annotate("abort", "1");
        })
        .then(
            "traffic is back, and what was deleted was made again",
            |w| {
                assert_eq!((w.phase().as_str(), w.cluster.made()), ("RolledBack", 10));
                assert_eq!(w.status().live.unwrap().version, "1");
                let journal = w.status().switch.unwrap();
                let known = journal.services.iter();
                assert!(known.clone().all(|s| s.switched && s.cluster_ip.is_some()));
                assert_eq!((known.count(), journal.skew_millis), (3, Some(0)));
            },
        )
        .when(|w| w.delete("Deployment", "shop-user-blue"))
        .then("a child is made again while the spec names another", |w| {
            let made = w.raw("Deployment", "shop-user-blue");
            let container = &made["spec"]["template"]["spec"]["containers"][0];
            assert_eq!(container["image"], "user:1");
            assert_eq!(w.status().live.unwrap().services[0].ready, 2);
        })
}

fn delete_old_revision(w: &mut World) {
    let old = w.status().warm.unwrap().revision;
    w.delete("ControllerRevision", &names::stored_revision("shop", &old));
}

/// An operator that renders otherwise would change its pods, if it stored the revision as it would render it.
fn live_revision_deleted_under_another_renderer() -> Story {
    let mut world = live();
    let revision = world.status().live.unwrap().revision;
    world.edit("Deployment", "shop-user-blue", |d| {
        d["spec"]["template"]["spec"]["volumes"][0]["emptyDir"]["sizeLimit"] = "7Mi".into();
    });
    world.delete(
        "ControllerRevision",
        &names::stored_revision("shop", &revision),
    );
    Story::given("live revision deleted under another renderer", world).then(
        "its pods stay as they are",
        |w| {
            // As if they had been rendered so: two by the edit itself.
            assert_eq!(w.cluster.made(), 7);
            let deployment = w.raw("Deployment", "shop-user-blue");
            let volume = &deployment["spec"]["template"]["spec"]["volumes"][0];
            assert_eq!(volume["emptyDir"]["sizeLimit"], "7Mi");
            assert_eq!(w.api.list("ControllerRevision").count(), 1);
        },
    )
}

fn old_revision_deleted_with_a_child() -> Story {
    Story::given("old stored revision deleted with a child", live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| {
            delete_old_revision(w);
            w.delete("Deployment", "shop-user-blue");
            w.annotate("abort", "1");
        })
        .then("it says what is missing, and what helps", |w| {
            assert_eq!(w.phase(), "RollingBack");
            let (reason, message) = w.condition("Stalled").unwrap();
            assert_eq!(reason, "OldColourCannotServe");
            assert!(
                message.contains("is gone and the spec names another: apply 1 again"),
                "{message}"
            );
        })
        .when(|w| w.apply(exchange("1")))
        .then("what is live again is rolled back to", |w| {
            assert_eq!(w.status().live.unwrap().version, "1");
        })
}

fn new_revision_deleted_in_the_switch() -> Story {
    Story::given("new stored revision deleted in the switch", live())
        .when(|w| w.apply(exchange("2")))
        .during("Switching", |w| {
            let name = w.raw("Deployment", "shop-user-green")["metadata"]["labels"]
                ["changeover.dev/revision"]
                .as_str()
                .map(|short| format!("shop-{short}"));
            w.delete("ControllerRevision", &name.unwrap());
        })
        .then("it is stored again, and the switch goes on", |w| {
            assert_eq!((w.phase().as_str(), w.cluster.made()), ("Warm", 10));
            assert_eq!(w.status().live.unwrap().version, "2");
        })
}

fn live_revision_deleted_with_the_status() -> Story {
    Story::given("live stored revision deleted with the status", live())
        .when(|w| {
            let live = w.status().live.unwrap().revision;
            w.delete("ControllerRevision", &names::stored_revision("shop", &live));
            w.api
                .edit("ExchangeRelease", RELEASE, |r| r["status"] = Value::Null);
        })
        .then("the spec says what is live", |w| {
            assert_eq!((w.phase().as_str(), w.cluster.made()), ("Live", 5));
            assert_eq!(w.status().live.unwrap().colour.as_str(), "blue");
        })
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| w.annotate("abort", "1"))
        .then("and there is a way back to it", |w| {
            assert_eq!((w.phase().as_str(), w.cluster.made()), ("RolledBack", 10));
        })
}
