//! Journeys: what clients do from end to end, through the pinned or the live Services.

use std::time::Duration;

use changeover_crds::{ColourStatus, Journey, names};
use jiff::{SignedDuration, Timestamp};

use crate::journey::NO_TIME;
use crate::machine::Turn;
use crate::question::{Ask, JourneyRun, Question, QuestionKey, Record, Through};

/// From one run of a journey to the next while a colour bakes.
const PERIOD: SignedDuration = SignedDuration::from_secs(15);
/// Pause between a failed run and the next: what passes by itself within it is no failure.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// In which a failure becomes known.
const MOMENT: Duration = Duration::from_secs(1);

/// How one journey stands.
pub(super) enum Journeying {
    /// It passed since the phase began; the next run is due then.
    Passed(Timestamp),
    /// Its last runs failed: so many in a row, and why.
    Failed(u8, String),
    /// It runs.
    Asking,
    /// Run it now, as this attempt.
    Now(u8),
    /// Run it then, as this attempt.
    At(Timestamp),
}

/// How a journey stands in this phase.
pub(super) fn standing(turn: &Turn<'_>, journey: &Journey, through: &Through) -> Journeying {
    let key = QuestionKey::journey(journey, through.clone());
    if turn.world.obs.asking.contains(&key) {
        return Journeying::Asking;
    }
    let Some(record) = last_run(turn, &key) else {
        return Journeying::Now(1);
    };
    match &record.result {
        Ok(_) => Journeying::Passed(later(record, PERIOD)),
        // The deadline is a later one by now, or stands still while a person pauses.
        Err(why) if why.ends_with(NO_TIME) && before(turn.deadline(), turn.now) > MOMENT => {
            Journeying::Now(1)
        }
        Err(why) => Journeying::Failed(record.attempts, why.clone()),
    }
}

/// How its last run in this phase ended. What ended before this phase began was another try.
fn last_run<'a>(turn: &'a Turn<'_>, key: &QuestionKey) -> Option<&'a Record> {
    let since = turn.next.phase_since.as_ref().map(|t| t.0);
    let record = turn.world.obs.answers.get(key);
    record.filter(|r| since.is_none_or(|since| r.last >= since))
}

/// Whether it passed, be it that it runs once more.
pub(super) fn has_passed(turn: &Turn<'_>, journey: &Journey, through: &Through) -> bool {
    let key = QuestionKey::journey(journey, through.clone());
    last_run(turn, &key).is_some_and(|run| run.result.is_ok())
}

/// When a journey that failed is due once more.
pub(super) fn again(turn: &Turn<'_>, journey: &Journey, through: &Through) -> Journeying {
    let key = QuestionKey::journey(journey, through.clone());
    let Some(record) = turn.world.obs.answers.get(&key) else {
        return Journeying::Now(1);
    };
    let due = later(record, PAUSE);
    if due <= turn.now {
        Journeying::Now(record.attempts.saturating_add(1))
    } else {
        Journeying::At(due)
    }
}

fn later(record: &Record, by: SignedDuration) -> Timestamp {
    record.last.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// What is left until a deadline, less a moment.
fn before(deadline: Timestamp, now: Timestamp) -> Duration {
    let left = Duration::try_from(deadline.duration_since(now)).unwrap_or_default();
    left.saturating_sub(MOMENT).max(left / 2)
}

/// A run of a journey through our own Services; why it cannot be asked for, if so.
pub(super) fn question(
    turn: &Turn<'_>,
    journey: &Journey,
    role: &ColourStatus,
    through: &Through,
    attempt: u8,
) -> Result<Question, String> {
    let release = turn.world.name();
    let stored = turn.world.stored(&role.revision);
    let mut hosts: Vec<(String, String, i32)> = Vec::new();
    for step in &journey.steps {
        if hosts.iter().any(|(name, ..)| *name == step.service) {
            continue;
        }
        let name = match through {
            Through::Pinned { .. } => names::coloured(&release, &step.service, role.colour),
            Through::Live(_) => names::live_service(&release, &step.service),
        };
        let port = stored
            .as_ref()
            .and_then(|s| s.service(&step.service))
            .map(|s| s.port);
        let address = turn.world.address(&name);
        let Some((port, address)) = port.zip(address) else {
            return Err(format!("Service {name} has no address yet"));
        };
        hosts.push((step.service.clone(), address, port));
    }
    Ok(Question {
        key: QuestionKey::journey(journey, through.clone()),
        attempt,
        ask: Ask::Journey(JourneyRun {
            journey: journey.clone(),
            hosts,
            limit: match through {
                Through::Pinned { .. } => before(turn.deadline(), turn.now),
                Through::Live(_) => Duration::MAX,
            },
        }),
    })
}
