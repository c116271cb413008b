//! The new colour is live and watched. What fails here goes back; a node drain or one flaky step does not.

use std::collections::BTreeMap;

use changeover_crds::{BakeStatus, ColourStatus, Phase, ResourceExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::journeying::{self, Journeying};
use super::resting::settle;
use crate::machine::{Turn, soonest};
use crate::moves::Move;
use crate::question::{Question, Through};
use crate::reason::Reason;
use crate::{drain, explain, roles, upkeep};

/// How long a service may have too few ready pods.
const DEGRADED: SignedDuration = SignedDuration::from_secs(10);
/// Failures of one journey in a row that count.
const FAILURES: u8 = 2;

pub(super) fn step(turn: &mut Turn<'_>) -> Move {
    let Some(live) = turn.next.live.clone() else {
        return super::start(turn);
    };
    let reverted = turn
        .next
        .warm
        .as_ref()
        .is_some_and(|old| old.revision == turn.wanted);
    if reverted && turn.invalid.is_none() {
        return super::go_back(
            turn,
            Reason::Reverted,
            "the spec names the old version again",
        );
    }
    if let Some(why) = restarted(turn, &live) {
        return super::go_back(turn, Reason::ContainerRestarted, &why);
    }
    let since = degraded_since(turn, &live);
    if let Some(since) = since.filter(|since| turn.now.duration_since(*since) >= DEGRADED) {
        let trouble = explain::because(turn.world, &live);
        let why = format!("too few pods ready since {since:.0}{trouble}");
        return super::go_back(turn, Reason::LiveDegraded, &why);
    }
    let going = match journeys(turn, &live) {
        Ok(going) => going,
        Err(why) => return super::go_back(turn, Reason::JourneyFailed, &why),
    };
    let over = turn.deadline();
    if turn.now >= over && going.all_passed && !turn.asked.pause {
        return settle(turn);
    }
    describe(turn);
    if let Some(why) = going.unasked {
        turn.why.message = format!("{}; {why}", turn.why.message);
    }
    let bake = turn.next.bake.get_or_insert_default();
    bake.degraded_since = since.map(MicroTime);
    let times = [Some(over), going.next, since.map(later)];
    beside(turn, going.questions, times)
}

/// Repairs, then what is asked beside: journeys, the drain of the old colour, roles.
fn beside(
    turn: &mut Turn<'_>,
    mut questions: Vec<Question>,
    times: [Option<Timestamp>; 3],
) -> Move {
    let batch = upkeep::next_batch(turn);
    let (drains, drains_at) = drain::advance(turn);
    if !batch.is_empty() {
        return Move::Requests(batch);
    }
    let (told, told_at) = roles::tell(turn);
    questions.extend(drains);
    questions.extend(told);
    // Over, but a journey has not passed yet: its answer or its next run is what is waited for.
    let times = times.into_iter().chain([drains_at, told_at]).flatten();
    let until = times.filter(|at| *at > turn.now).min();
    if questions.is_empty() {
        Move::Wait(until)
    } else {
        Move::Ask(questions, until.unwrap_or(Timestamp::MAX))
    }
}

fn later(since: Timestamp) -> Timestamp {
    since.checked_add(DEGRADED).unwrap_or(Timestamp::MAX)
}

pub(super) fn describe(turn: &mut Turn<'_>) {
    let Some(live) = turn.next.live.clone() else {
        return;
    };
    if let Some(invalid) = turn.invalid {
        return turn.stall(Reason::InvalidSpec, invalid);
    }
    let over = turn.deadline();
    let (version, colour) = (&live.version, live.colour);
    if turn.asked.pause {
        let message = format!("{version} is live on {colour} and watched; paused");
        return turn.say(Some(Reason::Paused), message);
    }
    let until = if turn.now < over {
        format!("{over:.0}")
    } else {
        "each journey has passed".to_owned()
    };
    let watched = format!("{version} is live on {colour} and watched until {until}");
    let trouble = explain::unready(turn.world, &live);
    if trouble.is_empty() {
        turn.say(None, watched);
    } else {
        turn.say(Some(Reason::LiveDegraded), format!("{watched}; {trouble}"));
    }
}

/// Restarts of the new colour's containers up to now: only later ones count.
pub(super) fn begin(turn: &mut Turn<'_>, live: &ColourStatus) {
    let services = turn.world.services(&live.revision);
    let pods = services.iter().flat_map(|s| turn.world.pods(&s.name, live));
    let restarts: BTreeMap<String, i32> = pods
        .filter_map(|pod| Some((pod.uid()?, restarts_of(pod))))
        .filter(|(_, restarts)| *restarts > 0)
        .collect();
    turn.next.bake = Some(BakeStatus {
        restarts,
        degraded_since: None,
    });
    turn.enter(Phase::Baking);
}

fn restarts_of(pod: &Pod) -> i32 {
    let containers = pod
        .status
        .iter()
        .flat_map(|s| s.container_statuses.iter().flatten());
    containers.map(|c| c.restart_count).sum()
}

/// A container that ended by itself since the switch; a pod that is being deleted is none.
fn restarted(turn: &Turn<'_>, live: &ColourStatus) -> Option<String> {
    let stored = turn.world.stored(&live.revision)?;
    let before = turn
        .next
        .bake
        .as_ref()
        .map(|b| b.restarts.clone())
        .unwrap_or_default();
    let mut pods = stored
        .services
        .iter()
        .flat_map(|s| turn.world.pods(&s.name, live));
    let pod = pods.find(|pod| {
        let known = pod
            .uid()
            .and_then(|uid| before.get(&uid).copied())
            .unwrap_or(0);
        restarts_of(pod) > known
    })?;
    let cause = explain::last_end(pod).unwrap_or_else(|| "a container restarted".to_owned());
    Some(format!("pod {}: {cause}", pod.name_any()))
}

/// Since when a service has too few ready pods, if one has.
fn degraded_since(turn: &Turn<'_>, live: &ColourStatus) -> Option<Timestamp> {
    let stored = turn.world.stored(&live.revision)?;
    let counts = turn.world.counts(live, stored);
    let is_degraded = counts
        .iter()
        .any(|c| c.ready == 0 || c.ready < c.expected() - 1);
    let known = turn
        .next
        .bake
        .as_ref()
        .and_then(|b| b.degraded_since.clone());
    is_degraded.then(|| known.map_or(turn.now, |t| t.0))
}

/// How journeys go on while a colour bakes.
#[derive(Default)]
struct Going {
    questions: Vec<Question>,
    /// When one is due again.
    next: Option<Timestamp>,
    all_passed: bool,
    /// Why one cannot be asked for.
    unasked: Option<String>,
}

/// Sends journeys through the live Services, again and again; why one has failed, if so.
fn journeys(turn: &Turn<'_>, live: &ColourStatus) -> Result<Going, String> {
    let epoch = turn.next.switch.as_ref().map_or(0, |s| s.epoch);
    let through = Through::Live(epoch);
    let journeys = turn.plan().verification.journeys;
    let mut going = Going::default();
    for journey in &journeys {
        let due = match journeying::standing(turn, journey, &through) {
            Journeying::Passed(at) if at > turn.now => Journeying::At(at),
            Journeying::Passed(_) => Journeying::Now(1),
            Journeying::Failed(attempts, why) if attempts >= FAILURES => {
                return Err(format!("{why} ({attempts} times in a row)"));
            }
            Journeying::Failed(..) => journeying::again(turn, journey, &through),
            other => other,
        };
        match due {
            Journeying::At(at) => going.next = soonest([going.next, Some(at)]),
            Journeying::Now(attempt) => {
                // A live Service that someone deleted is being made again.
                match journeying::question(turn, journey, live, &through, attempt) {
                    Ok(question) => going.questions.push(question),
                    Err(why) => going.unasked = Some(why),
                }
            }
            Journeying::Passed(_) | Journeying::Failed(..) | Journeying::Asking => {}
        }
    }
    let has_passed = |journey| journeying::has_passed(turn, journey, &through);
    going.all_passed = journeys.iter().all(has_passed);
    Ok(going)
}
