//! Bugs put in on purpose: each must be seen by the checker, or the checker is blind.

use crate::model::{Bug, Fault, World, exchange, live, warm};

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
    world.fate("user:2", crate::model::Fate::NeverReady);
    world.apply(exchange("2"));
    world.settle();
    caught(&world.api.checker.violations, "I1 routable");
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
    world.bug = Bug::OneServiceOnly;
    for _ in 0..3 {
        world.fault = None;
        world.step();
    }
    world.fault = Some(Fault::Crash(1));
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
fn changed_selector_taken_for_an_approval() {
    let mut world = warm();
    world.bug = Bug::SelectorAccepted;
    accept_blue(&mut world);
    world.settle();
    caught(&world.api.checker.violations, "I2 together");
}

fn accept_blue(world: &mut World) {
    let selector = world.raw("Service", "shop-user-blue")["spec"]["selector"].clone();
    world.edit("Service", "shop-user", |s| s["spec"]["selector"] = selector);
}

#[test]
fn epoch_that_does_not_grow() {
    caught(&release_with(Bug::EpochKept), "I5 fence: journal");
}
