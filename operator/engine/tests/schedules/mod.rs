//! Stories that nobody thought of: specs, people, pods, faults and time in random order. They are a tree: from
//! each point of a stem, which ends as every story should, branches part in which something else happens.
//! `ENGINE_SCHEDULES=<count>` plays more or fewer than an ordinary run. A failure prints its seed, and what is left
//! of the schedule when everything is dropped without which it fails as well; `ENGINE_SEED=<seed>` plays a stem
//! alone with all that parts from it.

mod dice;
mod events;
mod specs;

use std::collections::BTreeSet;
use std::time::Instant;

use changeover_figures::Figures;

use crate::drawing::undrawn;
use crate::model::{Decisions, Pass, World};
use crate::parallel::{in_parallel, number};
use dice::Dice;
use events::{Schedule, happen};

/// Schedules of an ordinary run.
const SCHEDULES: usize = 1_000_000;
/// Branches that part before each event of a stem.
const BRANCHES: usize = 64;
/// Failures that are made small and shown; the rest is counted.
const SHOWN: usize = 3;

#[test]
fn no_schedule_breaks_an_invariant() {
    let mut figures = Figures::of("engine", "schedules");
    let started = Instant::now();
    let wanted = number("ENGINE_SCHEDULES").map_or(SCHEDULES, |n| usize::try_from(n).unwrap());
    let stems = match number("ENGINE_SEED") {
        Some(seed) => vec![Schedule::of(seed)],
        None => stems(wanted),
    };
    let grown: Vec<Grown> = in_parallel(&stems, grow);
    let sum = |number: fn(&Grown) -> usize| grown.iter().map(number).sum::<usize>();
    let failed: Vec<&Schedule> = grown.iter().flat_map(|g| &g.failed).collect();
    figures.put("schedules", sum(|g| g.schedules));
    figures.put("played to the end", stems.len());
    figures.put("passes", sum(|g| g.passes));
    figures.put("invariants checked after writes", sum(|g| g.judged));
    figures.put("violations", failed.len());
    figures.took(started.elapsed());
    figures.tell().unwrap();
    for schedule in failed.iter().take(SHOWN) {
        println!("{}\n", smallest((*schedule).clone()));
    }
    let seeds: BTreeSet<u64> = failed.iter().map(|schedule| schedule.seed).collect();
    assert!(failed.is_empty(), "violations with ENGINE_SEED {seeds:?}");
}

/// As many as make so many schedules with all that parts from them.
fn stems(schedules: usize) -> Vec<Schedule> {
    let mut sum = 0;
    let stems = (1..).map(Schedule::of).take_while(|stem| {
        let is_wanted = sum < schedules;
        sum += 1 + stem.events.len() * BRANCHES;
        is_wanted
    });
    stems.collect()
}

/// What came of a stem and its branches.
#[derive(Default)]
struct Grown {
    schedules: usize,
    passes: usize,
    judged: usize,
    failed: Vec<Schedule>,
}

impl Grown {
    fn count(&mut self, schedule: impl FnOnce() -> Schedule, before: &World, after: &World) {
        self.schedules += 1;
        self.passes += after.passes - before.passes;
        let judged = after.api.checker.judged - before.api.checker.judged;
        self.judged += usize::try_from(judged).unwrap();
        if is_wrong(after) {
            self.failed.push(schedule());
        }
    }
}

fn is_wrong(world: &World) -> bool {
    !world.api.checker.violations.is_empty() || undrawn(world).next().is_some()
}

fn grow(stem: &Schedule) -> Grown {
    let mut grown = Grown::default();
    let mut start = stem.exchange.live();
    // Branches begin alike.
    start.decisions = Some(Decisions::default());
    let mut world = start.clone();
    for (index, event) in stem.events.iter().enumerate() {
        let mut seeds = Dice::of(*event);
        for _ in 0..BRANCHES {
            let last = seeds.next();
            let mut branch = world.clone();
            next(&mut branch, stem, last);
            grown.count(|| stem.parted(index, last), &world, &branch);
        }
        next(&mut world, stem, *event);
        if is_wrong(&world) {
            break; // a branch would tell the same again
        }
    }
    end(&mut world, stem);
    grown.count(|| stem.clone(), &start, &world);
    grown
}

/// The next thing happens, and the operator goes on for a while; what it was.
fn next(world: &mut World, schedule: &Schedule, event: u64) -> String {
    let mut dice = Dice::of(event);
    let mut told = String::new();
    if dice.below(4) == 0 {
        world.step_around(|world| {
            told = format!("in a pass: {}", happen(world, schedule.exchange, &mut dice));
        });
    } else {
        told = happen(world, schedule.exchange, &mut dice);
    }
    for _ in 0..1 + dice.below(6) {
        let is_idle = matches!(world.step(), Pass::Idle(_));
        let moved = (is_idle || dice.below(3) == 0) && world.tick();
        if is_idle && !moved && world.withheld.is_none() {
            break; // and so it would stay
        }
    }
    told
}

/// Everything heals and a good version is applied: it must become live.
fn end(world: &mut World, schedule: &Schedule) {
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
}

/// A schedule from its beginning.
fn play(schedule: &Schedule) -> (World, Vec<String>) {
    let mut world = schedule.exchange.live();
    let mut told = Vec::new();
    for event in &schedule.events {
        told.push(next(&mut world, schedule, *event));
    }
    match schedule.last {
        Some(last) => told.push(next(&mut world, schedule, last)),
        None => end(&mut world, schedule),
    }
    (world, told)
}

/// Drops what a failure does not need, one event after the other, and tells the rest.
fn smallest(mut schedule: Schedule) -> String {
    let mut index = schedule.events.len();
    while index > 0 {
        index -= 1;
        let event = schedule.events.remove(index);
        if !is_wrong(&play(&schedule).0) {
            schedule.events.insert(index, event);
        }
    }
    let (world, told) = play(&schedule);
    let mut violations = world.api.checker.violations.clone();
    violations.extend(undrawn(&world));
    format!(
        "ENGINE_SEED={}, {} services:\n  {}\n{}\n{}",
        schedule.seed,
        schedule.exchange.services,
        told.join("\n  "),
        violations.join("\n"),
        world.told()
    )
}
