//! Stories that nobody thought of: specs, people, pods, faults and time in random order. `ENGINE_SCHEDULES=<count>`
//! plays more than an ordinary run. A failure prints its seed, and what is left of the schedule when everything is
//! dropped without which it fails as well; `ENGINE_SEED=<seed>` plays it alone.

mod dice;
mod events;

use std::time::Instant;

use changeover_figures::Figures;

use crate::model::World;
use crate::parallel::{in_parallel, number};
use dice::Dice;
use events::{Schedule, happen};

/// Schedules of an ordinary run.
const SCHEDULES: u64 = 1500;
/// Failures that are made small and shown; the rest is counted.
const SHOWN: usize = 3;

#[test]
fn no_schedule_breaks_an_invariant() {
    let mut figures = Figures::of("engine", "schedules");
    let started = Instant::now();
    let seeds = match number("ENGINE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("ENGINE_SCHEDULES").unwrap_or(SCHEDULES) + 1,
    };
    let seeds: Vec<u64> = seeds.collect();
    let runs = in_parallel(&seeds, |seed| {
        let schedule = Schedule::of(*seed);
        let (world, _) = play(&schedule);
        let checker = &world.api.checker;
        let judged = usize::try_from(checker.judged).unwrap();
        (schedule.events.len(), judged, checker.violations.is_empty())
    });
    let failed: Vec<u64> = std::iter::zip(&seeds, &runs)
        .filter(|(_, (.., is_well))| !is_well)
        .map(|(seed, _)| *seed)
        .collect();
    figures.put("schedules", seeds.len());
    figures.put(
        "events",
        runs.iter().map(|(events, ..)| events).sum::<usize>(),
    );
    figures.put(
        "writes judged",
        runs.iter().map(|(_, judged, _)| judged).sum::<usize>(),
    );
    figures.put("violations", failed.len());
    figures.took(started.elapsed());
    figures.tell().unwrap();
    for seed in failed.iter().take(SHOWN) {
        println!("{}\n", smallest(Schedule::of(*seed)));
    }
    assert!(failed.is_empty(), "violations with ENGINE_SEED {failed:?}");
}

/// One schedule, then everything heals and a good version is applied: it must become live.
fn play(schedule: &Schedule) -> (World, Vec<String>) {
    let mut world = schedule.exchange.live();
    let mut told = Vec::new();
    for event in &schedule.events {
        let mut dice = Dice::of(*event);
        told.push(happen(&mut world, schedule.exchange, &mut dice));
        for _ in 0..dice.below(8) {
            world.step();
            if dice.below(3) == 0 {
                world.tick();
            }
        }
    }
    world.heal_pods();
    world.answers.clear();
    world.bad_journeys.clear();
    (world.deaf, world.clinging) = (false, false);
    world.annotate("pause", "");
    world.apply(schedule.exchange.spec("9"));
    world.settle();
    world.wait(1);
    let live = world.status().live.map(|l| l.version);
    if live.as_deref() != Some("9") {
        let phase = world.phase();
        let violation = format!("I7 converge: 9 is not live, {live:?} is, in {phase}");
        world.api.checker.violation(violation);
    }
    (world, told)
}

/// Drops what a failure does not need, one event after the other, and tells the rest.
fn smallest(mut schedule: Schedule) -> String {
    let mut index = schedule.events.len();
    while index > 0 {
        index -= 1;
        let event = schedule.events.remove(index);
        if play(&schedule).0.api.checker.violations.is_empty() {
            schedule.events.insert(index, event);
        }
    }
    let (world, told) = play(&schedule);
    format!(
        "ENGINE_SEED={}, {} services:\n  {}\n{}\n{}",
        schedule.seed,
        schedule.exchange.services,
        told.join("\n  "),
        world.api.checker.violations.join("\n"),
        world.told()
    )
}
