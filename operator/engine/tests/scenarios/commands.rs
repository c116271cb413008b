//! Deletion of the release.

use crate::model::{Story, World, exchange, live, warm};

use super::stories;

stories!(
    deletion,
    deletion_while_preparing,
    deletion_while_switching,
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

fn deletion_while_preparing() -> Story {
    Story::given("deletion while preparing", live())
        .when(|w| w.apply(exchange("2")))
        .during("Preparing", delete_release)
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
