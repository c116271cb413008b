//! What can happen to a release.

use changeover_kubernetes_model::KINDS;
use serde_json::{Value, json};

use super::dice::Dice;
use super::specs::{STALE, Size, edit};
use crate::model::{Fate, Fault, RELEASE, World};

/// What happens, and to what. Each event is a seed of its own, so that one can be left out.
#[derive(Clone)]
pub struct Schedule {
    pub seed: u64,
    pub exchange: Size,
    pub events: Vec<u64>,
    /// What happens last, in a branch. A stem heals and comes to its end instead.
    pub last: Option<u64>,
}

impl Schedule {
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed);
        let exchange = Size {
            services: dice.one(&[1, 1, 2, 3]),
            is_measured: dice.below(8) > 0,
        };
        let events = (0..5 + dice.below(15)).map(|_| dice.next()).collect();
        Self {
            seed,
            exchange,
            events,
            last: None,
        }
    }

    /// The branch that parts before an event.
    pub fn parted(&self, event: usize, last: u64) -> Self {
        Self {
            events: self.events[..event].to_vec(),
            last: Some(last),
            ..self.clone()
        }
    }
}

/// One thing happens; what it was.
pub fn happen(world: &mut World, exchange: Size, dice: &mut Dice) -> String {
    let service = exchange.service(dice);
    let colour = dice.one(&["blue", "green"]);
    let version = dice.one(&["2", "3", "4"]);
    match dice.below(21) {
        0..4 => apply(world, exchange, dice),
        4 | 5 => pods(world, dice, &format!("{service}:{version}")),
        6 => {
            world.delete_a_pod(service, colour);
            format!("a pod of {service} on {colour} is deleted")
        }
        7 if dice.below(2) == 0 => {
            world.break_pods(colour);
            format!("the pods on {colour} are no longer ready")
        }
        7 => {
            world.heal_pods();
            "all pods are well".to_owned()
        }
        8 => delete_a_child(world, dice, &format!("shop-{service}-{colour}")),
        9 => edit_a_child(world, dice, &format!("shop-{service}-{colour}")),
        10 => {
            world.crash();
            "the operator crashes".to_owned()
        }
        11 => {
            (world.deaf, world.clinging) = (dice.below(2) == 0, dice.below(2) == 0);
            format!(
                "pods are deaf: {}, clients cling: {}",
                world.deaf, world.clinging
            )
        }
        12 | 13 => say(world, exchange, dice),
        14..18 => strike(world, dice),
        18 => lose(world, exchange, dice),
        _ => {
            let seconds = dice.one(&[1, 5, 31, 130, 601, 1801, -1, -40]);
            world.advance_clock(jiff::SignedDuration::from_secs(seconds));
            format!("the clock jumps by {seconds} s")
        }
    }
}

/// `kubectl apply` of some version, mostly as it is.
fn apply(world: &mut World, exchange: Size, dice: &mut Dice) -> String {
    let version = dice.one(&["1", "2", "3", "4"]);
    let mut spec = exchange.spec(version);
    let change = edit(&mut spec, dice);
    world.apply(spec);
    format!("apply {version}: {change}")
}

/// What the operator knows is gone, or all that it released.
fn lose(world: &mut World, exchange: Size, dice: &mut Dice) -> String {
    if dice.below(3) > 0 {
        world.edit("ExchangeRelease", RELEASE, |r| r["status"] = Value::Null);
        return "the status is lost".to_owned();
    }
    let version = dice.one(&["1", "2", "3", "4"]);
    world.replace_release(exchange.spec(version));
    format!("deleted, and {version} created")
}

fn pods(world: &mut World, dice: &mut Dice, image: &str) -> String {
    match dice.below(3) {
        0 => {
            world.answers.insert(image.to_owned(), "broken".into());
            format!("{image} answers with another version")
        }
        1 => {
            world.bad_journeys.insert(image.to_owned());
            format!("journeys fail with {image}")
        }
        _ if dice.below(3) == 0 => {
            world.cluster.restart(image);
            format!("containers of {image} restart")
        }
        _ => {
            let fate = dice.one(&[
                Fate::NeverReady,
                Fate::OnlyOneReady,
                Fate::ImageMissing,
                Fate::Quota,
                Fate::Unschedulable,
                Fate::Crashes("cannot bind"),
                Fate::Ready(4),
            ]);
            world.fate(image, fate);
            format!("pods of {image}: {fate:?}")
        }
    }
}

/// The next batch of requests, or the next read, meets a fault.
fn strike(world: &mut World, dice: &mut Dice) -> String {
    let mut faults = Fault::of_writing(3);
    faults.extend((1..STALE).map(|age| Fault::Stale([age; KINDS.len()])));
    faults.extend((0..8).map(Fault::Swapped));
    let fault = match dice.one(&faults) {
        // Of two such, in one each watch is as far behind as it happens to be.
        Fault::Stale([most, ..]) if dice.below(2) == 0 => {
            let ages: Vec<usize> = (0..=most).collect();
            Fault::Stale(KINDS.map(|_| dice.one(&ages)))
        }
        other => other,
    };
    world.fault = Some(fault);
    format!("{fault:?}")
}

/// What people ask for, when it fits and when it does not.
fn say(world: &mut World, exchange: Size, dice: &mut Dice) -> String {
    let token = dice.below(1000).to_string();
    let (verb, value) = match dice.below(8) {
        0 | 1 => ("abort", token),
        2 | 3 => ("rollback", token),
        4 => ("retry", token),
        5 => ("pause", dice.one(&["true", ""]).to_owned()),
        6 => {
            let mut spec = exchange.spec(dice.one(&["2", "3", "4"]));
            spec["promotion"] = json!({"mode": "Manual"});
            world.apply(spec);
            return "apply, to be promoted by hand".to_owned();
        }
        _ => {
            let candidate = world.status().candidate.map(|c| c.revision);
            (
                "promote",
                format!("{}@{token}", candidate.unwrap_or_default()),
            )
        }
    };
    world.annotate(verb, &value);
    format!("annotate {verb}={value}")
}

fn delete_a_child(world: &mut World, dice: &mut Dice, name: &str) -> String {
    let stored = dice.one(&["ConfigMap", "ControllerRevision"]);
    let which = usize::try_from(dice.below(8)).unwrap();
    let name_of = world.api.list(stored).map(World::name_of).nth(which);
    if let Some(name) = name_of {
        world.delete(stored, &name);
        return format!("{stored} {name} is deleted");
    }
    let kind = dice.one(&["Deployment", "Service", "PodDisruptionBudget"]);
    let live = name.rsplit_once('-').map_or(name, |(live, _)| live);
    let name = if dice.below(4) == 0 { live } else { name };
    if !world.raw(kind, name).is_null() {
        world.delete(kind, name);
    }
    format!("{kind} {name} is deleted")
}

fn edit_a_child(world: &mut World, dice: &mut Dice, name: &str) -> String {
    let live = name.rsplit_once('-').map_or(name, |(live, _)| live);
    let (kind, name, what) = match dice.below(4) {
        0 => {
            world.edit("Deployment", name, |d| d["spec"]["replicas"] = 0.into());
            ("Deployment", name, "replicas")
        }
        1 => {
            world.edit("Service", name, |s| {
                s["metadata"]["labels"]["changeover.dev/colour"] = "x".into();
            });
            ("Service", name, "label")
        }
        2 => {
            let selector = world.raw("Service", name)["spec"]["selector"].clone();
            if !selector.is_null() {
                world.edit("Service", live, |s| s["spec"]["selector"] = selector);
            }
            ("Service", live, "selector")
        }
        _ => {
            world.edit("Service", live, |s| s["spec"]["selector"] = Value::Null);
            ("Service", live, "no selector")
        }
    };
    format!("{kind} {name} is edited: {what}")
}
