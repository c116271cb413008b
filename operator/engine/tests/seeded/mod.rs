//! Bugs put in on purpose: each must be seen by the checker, or the checker is blind.

use serde_json::{Value, json};

use crate::model::{Bug, Fate, Fault, SERVICES, World, exchange, live, spec, warm};

/// Version 2 on version 1, with a bug in the operator.
fn release_with(bug: Bug) -> Vec<String> {
    let mut world = live();
    world.bug = bug;
    world.apply(exchange("2"));
    world.settle();
    world.api.checker.violations
}

fn caught(violations: &[String], invariant: &str) {
    let is_named = violations.iter().any(|v| v.starts_with(invariant));
    assert!(
        is_named,
        "{invariant} was not reported, but: {violations:#?}"
    );
}

#[test]
fn without_a_bug_nothing_is_reported() {
    assert_eq!(release_with(Bug::None), Vec::<String>::new());
}

#[test]
fn switch_before_all_endpoints_are_ready() {
    let mut world = live();
    world.bug = Bug::EveryPodReady;
    world.fate("user:2", Fate::NeverReady);
    // A journey would notice.
    world.apply(spec("2", |s| s["verification"]["journeys"] = json!([])));
    world.settle();
    caught(&world.api.checker.violations, "I1 routable");
}

#[test]
fn switch_with_one_of_two_pods_ready() {
    let mut world = live();
    world.bug = Bug::OneReadyIsEnough;
    world.fate("user:2", Fate::OnlyOneReady);
    world.apply(spec("2", |s| s["verification"]["journeys"] = json!([])));
    world.settle();
    caught(
        &world.api.checker.violations,
        "I1 routable: a switch begins",
    );
}

#[test]
fn way_back_to_pods_that_drain() {
    let mut world = live();
    world.apply(exchange("2"));
    world.until("Baking");
    for _ in 0..4 {
        world.step();
        world.tick();
    }
    world.bug = Bug::DrainForgotten;
    world.annotate("rollback", "1");
    world.settle();
    caught(&world.api.checker.violations, "I6 nothing lost");
}

#[test]
fn switch_without_probes() {
    caught(&release_with(Bug::NoProbes), "I4 gate");
}

#[test]
fn old_colour_deleted_while_it_may_be_needed() {
    caught(&release_with(Bug::OldColourDeleted), "I3 live is sacred");
}

#[test]
fn write_without_precondition() {
    caught(&release_with(Bug::NoPrecondition), "I5 fence");
}

#[test]
fn one_service_flipped_and_the_others_not_after_a_crash() {
    let mut world = live();
    world.apply(exchange("2"));
    world.until("Switching");
    let colours = |w: &World| {
        let services = SERVICES.map(|(name, _)| format!("shop-{name}"));
        services.map(|name| {
            w.raw("Service", &name)["spec"]["selector"]["changeover.dev/colour"].clone()
        })
    };
    let before = colours(&world);
    while colours(&world) == before {
        // The process dies with the first request of whatever it sends.
        world.fault = Some(Fault::Crash(1));
        world.step();
    }
    assert_eq!(colours(&world), ["green", "blue", "blue"]);
    world.bug = Bug::OneFlippedIsEnough;
    world.settle();
    caught(&world.api.checker.violations, "I2 together");
}

#[test]
fn selector_inside_an_apply_configuration() {
    let mut world = live();
    world.bug = Bug::SelectorInApply;
    world.edit("Service", "shop-user", |s| {
        s["spec"]["ports"][0]["targetPort"] = 1.into()
    });
    world.settle();
    caught(&world.api.checker.violations, "I5 fence: selector or epoch");
}

#[test]
fn conditions_rebuilt_on_every_pass() {
    caught(&release_with(Bug::ConditionsRebuilt), "I8 still");
}

#[test]
fn changed_selector_left_as_it_is() {
    let mut world = warm();
    world.bug = Bug::SelectorAccepted;
    point(&mut world, "blue");
    world.settle();
    caught(&world.api.checker.violations, "I2 together");
}

fn point(world: &mut World, colour: &str) {
    let pinned = format!("shop-user-{colour}");
    let selector = world.raw("Service", &pinned)["spec"]["selector"].clone();
    world.edit("Service", "shop-user", |s| s["spec"]["selector"] = selector);
}

#[test]
fn lost_selector_taken_for_an_approval() {
    for lose in [
        |w: &mut World| point(w, "green"),
        |w: &mut World| {
            w.edit("Service", "shop-user", |s| {
                s["spec"]["selector"] = Value::Null
            });
        },
    ] {
        let mut world = live();
        world.bug = Bug::SelectorApproves;
        world.apply(spec("2", |s| s["promotion"] = json!({"mode": "Manual"})));
        world.until("AwaitingApproval");
        lose(&mut world);
        world.settle();
        caught(&world.api.checker.violations, "I4 gate");
    }
}

/// A leader that is stopped with the deletion of the old colour in its hands, which then becomes live again.
#[test]
fn destructive_write_without_resource_version() {
    let mut world = warm();
    world.bug = Bug::DeleteWithoutVersion;
    world.advance_clock(jiff::SignedDuration::from_secs(1801));
    world.until("Live");
    world.fault = Some(Fault::Suspended(1000));
    world.step();
    world.bug = Bug::None;
    world.apply(exchange("1"));
    world.settle();
    caught(&world.api.checker.violations, "I3 live is sacred");
}

#[test]
fn epoch_that_does_not_grow() {
    caught(&release_with(Bug::EpochKept), "I5 fence: journal");
}

#[test]
fn old_colour_collected_while_a_service_still_selects_it() {
    caught(
        &release_with(Bug::OldColourDeletedEarly),
        "I3 live is sacred",
    );
}

#[test]
fn abort_checked_after_saturation() {
    let mut world = live();
    world.apply(exchange("2"));
    world.until("Baking");
    world.bug = Bug::AbortAfterSaturation;
    world.fate("user:2", Fate::NeverReady);
    world.delete_a_pod("user", "green");
    world.tick();
    world.tick();
    world.annotate("abort", "1");
    world.settle();
    caught(&world.api.checker.violations, "I7 converge: abort");
}

#[test]
fn deadline_reset_by_pod_churn() {
    let mut world = live();
    world.bug = Bug::DeadlineResetByChurn;
    world.fate("user:2", Fate::NeverReady);
    world.apply(exchange("2"));
    world.until("Preparing");
    for _ in 0..40 {
        for _ in 0..4 {
            world.step();
            world.tick();
        }
        world.advance_clock(jiff::SignedDuration::from_secs(15));
        world.step();
        world.delete_a_pod("user", "green");
        world.advance_clock(jiff::SignedDuration::from_secs(15));
    }
    caught(
        &world.api.checker.violations,
        "I10 bounded: \"Preparing\" for",
    );
}

#[test]
fn end_of_a_phase_reset_by_pod_churn() {
    for phase in ["Preparing", "Baking", "RolledBack"] {
        let mut world = live();
        world.apply(exchange("2"));
        match phase {
            "Preparing" => world.fate("user:2", Fate::NeverReady),
            "RolledBack" => {
                world.until("Warm");
                world.annotate("rollback", "1");
            }
            _ => {}
        }
        world.until(phase);
        world.bug = Bug::DeadlineResetByChurn;
        world.delete_a_pod("user", "green");
        // Longer than words about progress wait.
        for _ in 0..8 {
            world.step();
            world.tick();
        }
        let words = format!("I10 bounded: the end of {phase:?} moved");
        caught(&world.api.checker.violations, &words);
    }
}

#[test]
fn epoch_not_checked() {
    let mut world = live();
    world.bug = Bug::EpochUnchecked;
    world.apply(exchange("2"));
    world.until("Switching");
    world.edit("Service", "shop-user", |s| {
        s["metadata"]["annotations"]["changeover.dev/epoch"] = "9".into();
    });
    world.settle();
    caught(&world.api.checker.violations, "I5 fence: epoch");
}
