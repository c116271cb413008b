//! Stories that nobody thought of: people, pods, faults and time in random order. A failure prints
//! its seed; `ENGINE_SEED=<seed>` plays it alone, `ENGINE_SCHEDULES=<count>` plays more.

use crate::model::{Fate, Fault, SERVICES, World, exchange, live, spec};

/// Schedules of an ordinary run.
const SCHEDULES: u64 = 60;
/// Things that happen in one schedule.
const EVENTS: u64 = 25;

/// xorshift64*: small, seeded, good enough to choose.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_schedule_breaks_an_invariant() {
    let started = std::time::Instant::now();
    let base = live();
    let seeds = match number("ENGINE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("ENGINE_SCHEDULES").unwrap_or(SCHEDULES) + 1,
    };
    let count = seeds.end - seeds.start;
    let mut judged = 0;
    let mut failed = Vec::new();
    for seed in seeds {
        let world = play(&base, seed);
        judged += world.api.checker.judged;
        if !world.api.checker.violations.is_empty() {
            let violations = world.api.checker.violations.join("\n  ");
            failed.push(format!(
                "ENGINE_SEED={seed}\n  {violations}\n{}",
                world.told()
            ));
        }
    }
    println!(
        "engine tier: schedules {count}, events {}, writes judged {judged}, violations {}, {:.1} s",
        count * EVENTS,
        failed.len(),
        started.elapsed().as_secs_f64()
    );
    for failure in failed.iter().take(3) {
        println!("{failure}");
    }
    assert!(failed.is_empty(), "violations");
}

/// One schedule, then everything heals and a good version is applied: it must become live.
fn play(base: &World, seed: u64) -> World {
    let mut world = base.clone();
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for _ in 0..EVENTS {
        happen(&mut world, &mut dice);
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
    world.apply(exchange("9"));
    world.settle();
    world.wait(1);
    let live = world.status().live.map(|l| l.version);
    if live.as_deref() != Some("9") {
        let violation = format!(
            "I7 converge: 9 is not live, {live:?} is, in {}",
            world.phase()
        );
        world.api.checker.violation(violation);
    }
    world
}

fn happen(world: &mut World, dice: &mut Dice) {
    let service = dice.one(&SERVICES.map(|(name, _)| name));
    let colour = dice.one(&["blue", "green"]);
    match dice.below(19) {
        0..3 => world.apply(exchange(dice.one(&["1", "2", "3", "4"]))),
        3 => world.apply(spec(dice.one(&["1", "2"]), |s| {
            s["services"][0]["replicas"] = (1 + dice.below(4)).into();
        })),
        4 => {
            let fates = [
                Fate::NeverReady,
                Fate::ImageMissing,
                Fate::Quota,
                Fate::Ready(4),
            ];
            let fate = fates[usize::try_from(dice.below(4)).unwrap()];
            world.fate(&format!("{service}:{}", dice.one(&["2", "3", "4"])), fate);
        }
        5 => drop(
            world
                .answers
                .insert(format!("{service}:3"), "broken".into()),
        ),
        6 => world.delete_a_pod(service, colour),
        7 if dice.below(2) == 0 => world.break_pods(colour),
        7 => world.heal_pods(),
        8 => delete_a_child(world, dice, &format!("shop-{service}-{colour}")),
        9 => edit_a_child(world, dice, &format!("shop-{service}-{colour}")),
        10 => world.crash(),
        14 => world
            .cluster
            .restart(&format!("{service}:{}", dice.one(&["2", "3", "4"]))),
        15 => drop(
            world
                .bad_journeys
                .insert(format!("{service}:{}", dice.one(&["2", "3"]))),
        ),
        16 => (world.deaf, world.clinging) = (dice.below(2) == 0, dice.below(2) == 0),
        17 | 18 => say(world, dice),
        11 | 12 => {
            let faults = Fault::every(3);
            let choice = usize::try_from(dice.below(faults.len() as u64)).unwrap();
            // A stale read needs a past, which only taped runs keep.
            world.fault = Some(faults[choice]).filter(|f| !matches!(f, Fault::Stale(_)));
        }
        _ => {
            let seconds = [1, 5, 31, 130, 601, 1801][usize::try_from(dice.below(6)).unwrap()];
            world.advance_clock(jiff::SignedDuration::from_secs(seconds));
        }
    }
}

/// What people ask for, when it fits and when it does not.
fn say(world: &mut World, dice: &mut Dice) {
    let token = dice.below(1000).to_string();
    match dice.below(8) {
        0 | 1 => world.annotate("abort", &token),
        2 | 3 => world.annotate("rollback", &token),
        4 => world.annotate("retry", &token),
        5 => world.annotate("pause", dice.one(&["true", ""])),
        6 => world.apply(spec(dice.one(&["2", "3", "4"]), |s| {
            s["promotion"] = serde_json::json!({"mode": "Manual"});
        })),
        _ => {
            let candidate = world.status().candidate.map(|c| c.revision);
            world.annotate(
                "promote",
                &format!("{}@{token}", candidate.unwrap_or_default()),
            );
        }
    }
}

fn delete_a_child(world: &mut World, dice: &mut Dice, name: &str) {
    let kinds = ["Deployment", "Service", "PodDisruptionBudget"];
    let kind = kinds[usize::try_from(dice.below(3)).unwrap()];
    let live = name.rsplit_once('-').map_or(name, |(live, _)| live);
    let name = if dice.below(4) == 0 { live } else { name };
    if !world.raw(kind, name).is_null() {
        world.delete(kind, name);
    }
}

fn edit_a_child(world: &mut World, dice: &mut Dice, name: &str) {
    let live = name.rsplit_once('-').map_or(name, |(live, _)| live);
    match dice.below(4) {
        0 => world.edit("Deployment", name, |d| d["spec"]["replicas"] = 0.into()),
        1 => world.edit("Service", name, |s| {
            s["metadata"]["labels"]["changeover.dev/colour"] = "x".into()
        }),
        2 => {
            let selector = world.raw("Service", name)["spec"]["selector"].clone();
            if !selector.is_null() {
                world.edit("Service", live, |s| s["spec"]["selector"] = selector);
            }
        }
        _ => world.edit("Service", live, |s| {
            s["spec"]["selector"] = serde_json::Value::Null
        }),
    }
}
