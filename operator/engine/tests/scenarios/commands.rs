//! Deletion of the release.

use serde_json::Value;

use crate::model::{Story, World, exchange, live, warm};

use super::approval::manual;
use super::stories;

stories!(
    deletion,
    deletion_while_preparing,
    deletion_while_verifying,
    deletion_while_awaiting_approval,
    deletion_while_switching,
    deletion_while_baking,
    deletion_while_rolling_back,
    deletion_while_rejected,
    deleted_and_created_again,
);

fn delete_release(w: &mut World) {
    let now = w.now();
    w.edit("ExchangeRelease", "shop", |r| {
        r["metadata"]["deletionTimestamp"] = now.into();
    });
    // What would be repaired otherwise.
    w.delete("Service", "shop-trade");
}

/// The checker refuses every write after the deletion timestamp.
fn nothing_is_written(w: &World) {
    assert!(w.raw("Service", "shop-trade").is_null());
}

fn deletion() -> Story {
    Story::given("deletion", warm())
        .when(delete_release)
        .then("nothing is written", nothing_is_written)
}

fn deleted(name: &'static str, spec: Value, phase: &'static str) -> Story {
    let mut world = live();
    world.apply(spec);
    Story::given(name, world)
        .during(phase, delete_release)
        .then("nothing is written", nothing_is_written)
}

fn deletion_while_preparing() -> Story {
    deleted("deletion while preparing", exchange("2"), "Preparing")
}

fn deletion_while_verifying() -> Story {
    deleted("deletion while verifying", exchange("2"), "Verifying")
}

fn deletion_while_awaiting_approval() -> Story {
    let spec = manual("2");
    deleted("deletion while awaiting approval", spec, "AwaitingApproval")
}

fn deletion_while_baking() -> Story {
    deleted("deletion while baking", exchange("2"), "Baking")
}

fn deletion_while_rolling_back() -> Story {
    Story::given("deletion while rolling back", warm())
        .when(|w| w.annotate("rollback", "1"))
        .during("RollingBack", delete_release)
        .then("nothing is written", nothing_is_written)
}

fn deletion_while_rejected() -> Story {
    let mut world = live();
    world.answers.insert("trade:2".into(), "1".into());
    world.apply(exchange("2"));
    Story::given("deletion while rejected", world)
        .during("Rejected", delete_release)
        .then("nothing is written", nothing_is_written)
}

fn deletion_while_switching() -> Story {
    Story::given("deletion while switching", live())
        .when(|w| w.apply(exchange("2")))
        .during("Switching", |w| {
            w.step();
            delete_release(w);
        })
        .then("nothing is written", nothing_is_written)
}

fn deleted_and_created_again() -> Story {
    Story::given("deleted and created again", live())
        .when(|w| {
            w.delete("ExchangeRelease", "shop");
            w.create_release(exchange("2"));
        })
        .then("the namesake waits for the collector and installs", |w| {
            assert_eq!(
                (
                    w.phase().as_str(),
                    w.status().live.unwrap().version.as_str()
                ),
                ("Live", "2")
            );
        })
}
