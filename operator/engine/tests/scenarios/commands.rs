//! Deletion of the release.

use crate::model::{Pass, Story, World, exchange, live, warm};

use super::approval::manual;
use super::refuse::broken;
use super::{released, stories};

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
    deletion_of_the_namespace,
);

pub(super) fn delete_release(w: &mut World) {
    let now = w.now();
    w.edit("ExchangeRelease", "shop", |r| {
        r["metadata"]["deletionTimestamp"] = now.into();
    });
    // What would be repaired otherwise.
    w.delete("Service", "shop-trade");
}

/// The checker refuses every write after the deletion timestamp.
pub(super) fn nothing_is_written(w: &World) {
    assert!(w.raw("Service", "shop-trade").is_null());
}

fn deletion() -> Story {
    Story::given("deletion", warm())
        .when(delete_release)
        .then("nothing is written", nothing_is_written)
}

fn deleted(name: &'static str, world: World, phase: &'static str) -> Story {
    Story::given(name, world)
        .during(phase, delete_release)
        .then("nothing is written", nothing_is_written)
}

fn deletion_while_preparing() -> Story {
    let world = released(live(), exchange("2"));
    deleted("deletion while preparing", world, "Preparing")
}

fn deletion_while_verifying() -> Story {
    let world = released(live(), exchange("2"));
    deleted("deletion while verifying", world, "Verifying")
}

fn deletion_while_awaiting_approval() -> Story {
    let world = released(live(), manual("2"));
    deleted(
        "deletion while awaiting approval",
        world,
        "AwaitingApproval",
    )
}

fn deletion_while_baking() -> Story {
    let world = released(live(), exchange("2"));
    deleted("deletion while baking", world, "Baking")
}

fn deletion_while_rolling_back() -> Story {
    let mut world = warm();
    world.annotate("rollback", "1");
    deleted("deletion while rolling back", world, "RollingBack")
}

fn deletion_while_rejected() -> Story {
    let world = released(broken(), exchange("2"));
    deleted("deletion while rejected", world, "Rejected")
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

/// Its controller deletes things in any order, here the release last.
fn deletion_of_the_namespace() -> Story {
    Story::given("deletion of the namespace", live())
        .when(|w| {
            w.api.is_terminating = true;
            w.delete("Deployment", "shop-user-blue");
            w.apply(exchange("2"));
            let steps = (0..20).map(|_| w.step());
            let asked = steps.filter(|pass| matches!(pass, Pass::Acted(_))).count();
            assert_eq!(asked, 2, "the journal, and one refusal is enough");
            delete_release(w);
        })
        .then("nothing is written", nothing_is_written)
}

fn deleted_and_created_again() -> Story {
    // Of epochs that begin anew, those of before are later ones.
    Story::given("deleted and created again", warm())
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
