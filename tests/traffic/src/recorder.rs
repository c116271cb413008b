//! Counts while the run goes on.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::answer::{Answer, Exchanged};
use crate::clients::Call;
use crate::outcome::Outcome;
use crate::report::{FailureSample, Figures, Kind, Second, VersionSpan};

/// A start later than this is late.
const LATE: Duration = Duration::from_millis(100);
/// Failures kept with their details.
const SAMPLES: usize = 20;
/// Latencies are recorded in microseconds up to this one; slower ones count as this.
const SLOWEST_MICROS: u64 = 60_000_000;

/// Everything counted so far, shared by all requests of a run.
#[derive(Debug)]
pub struct Recorder {
    tally: Mutex<Tally>,
}

/// The counts of a run.
#[derive(Debug)]
pub struct Tally {
    pub start: Instant,
    pub started_at: Timestamp,
    pub late: u64,
    pub skipped: u64,
    pub max_late: Duration,
    pub kinds: BTreeMap<Kind, KindTally>,
    pub all: Course,
    pub unattributed: u64,
    pub versions: BTreeMap<String, VersionSpan>,
    pub seconds: BTreeMap<u64, Second>,
    pub failures: Vec<FailureSample>,
}

/// The counts of one kind of clients.
#[derive(Debug)]
pub struct KindTally {
    pub figures: Figures,
    pub course: Course,
}

/// How answers follow each other, and how long they take.
#[derive(Debug)]
pub struct Course {
    last_ok: Instant,
    longest_gap: Duration,
    /// Microseconds from the scheduled start to the end of an answer.
    pub latency: Histogram<u32>,
}

impl Course {
    fn new(start: Instant) -> Result<Self, CreationError> {
        Ok(Self {
            last_ok: start,
            longest_gap: Duration::ZERO,
            latency: Histogram::new_with_bounds(1, SLOWEST_MICROS, 3)?,
        })
    }

    fn ok_at(&mut self, now: Instant) {
        self.longest_gap = self.gap_until(now);
        self.last_ok = now;
    }

    fn answered_after(&mut self, took: Duration) {
        self.latency
            .saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// The longest time without an ok answer, when requests were due until `end`.
    pub fn gap_until(&self, end: Instant) -> Duration {
        self.longest_gap
            .max(end.saturating_duration_since(self.last_ok))
    }
}

impl Recorder {
    /// A recorder for traffic of `kinds` that begins at `start`.
    pub fn new(
        start: Instant,
        kinds: impl IntoIterator<Item = Kind>,
    ) -> Result<Self, CreationError> {
        let kinds = kinds
            .into_iter()
            .map(|kind| {
                let (figures, course) = (Figures::default(), Course::new(start)?);
                Ok((kind, KindTally { figures, course }))
            })
            .collect::<Result<_, CreationError>>()?;
        let ahead = start.saturating_duration_since(Instant::now());
        Ok(Self {
            tally: Mutex::new(Tally {
                start,
                started_at: Timestamp::now() + ahead,
                late: 0,
                skipped: 0,
                max_late: Duration::ZERO,
                kinds,
                all: Course::new(start)?,
                unattributed: 0,
                versions: BTreeMap::new(),
                seconds: BTreeMap::new(),
                failures: Vec::new(),
            }),
        })
    }

    /// The counts. Hold them briefly: every request waits for them.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request started, `late` after it was due.
    pub fn started(&self, kind: Kind, late: Duration) {
        let mut tally = self.tally();
        tally.max_late = tally.max_late.max(late);
        tally.late += u64::from(late > LATE);
        if let Some(kind) = tally.kinds.get_mut(&kind) {
            kind.figures.sent += 1;
        }
    }

    /// A request was due but not started.
    pub fn skipped(&self) {
        self.tally().skipped += 1;
    }

    /// A request ended. Returns what it was judged to be.
    pub fn ended(&self, kind: Kind, due: Instant, call: &Call, exchanged: &Exchanged) -> Outcome {
        let (now, at) = (Instant::now(), Timestamp::now());
        let outcome = match exchanged {
            Ok(answer) => Outcome::of_status(answer.status, call.expected),
            Err(no_answer) => no_answer.outcome,
        };
        let mut tally = self.tally();
        tally.count(kind, outcome, exchanged, now, due);
        tally.place_in_time(outcome, exchanged, now, at);
        if outcome != Outcome::Ok && tally.failures.len() < SAMPLES {
            tally.failures.push(sample(kind, at, call, exchanged));
        }
        outcome
    }
}

impl Tally {
    fn count(
        &mut self,
        kind: Kind,
        outcome: Outcome,
        exchanged: &Exchanged,
        now: Instant,
        due: Instant,
    ) {
        if outcome == Outcome::Ok {
            self.all.ok_at(now);
        }
        let Some(tally) = self.kinds.get_mut(&kind) else {
            return;
        };
        let figures = &mut tally.figures;
        match outcome {
            Outcome::Ok => {
                figures.ok += 1;
                tally.course.ok_at(now);
            }
            Outcome::ClientError => figures.client_errors += 1,
            Outcome::ServerError => figures.server_errors += 1,
            Outcome::Refused => figures.refused += 1,
            Outcome::Reset => figures.resets += 1,
            Outcome::Timeout => figures.timeouts += 1,
            Outcome::Other => figures.other += 1,
        }
        match exchanged {
            Ok(answer) => {
                figures.mixed += u64::from(answer.mixed);
                let took = now.saturating_duration_since(due);
                tally.course.answered_after(took);
                self.all.answered_after(took);
            }
            Err(_) => figures.lost += 1,
        }
    }

    fn place_in_time(
        &mut self,
        outcome: Outcome,
        exchanged: &Exchanged,
        now: Instant,
        at: Timestamp,
    ) {
        let second = now.saturating_duration_since(self.start).as_secs();
        let bucket = self.seconds.entry(second).or_default();
        bucket.second = second;
        match outcome {
            Outcome::Ok => bucket.ok += 1,
            _ => bucket.failed += 1,
        }
        let Ok(Answer { origin, .. }) = exchanged else {
            return;
        };
        let Some(origin) = origin else {
            self.unattributed += 1;
            return;
        };
        *bucket
            .answers
            .entry(format!("{}/{}", origin.colour, origin.version))
            .or_default() += 1;
        self.versions
            .entry(origin.version.clone())
            .and_modify(|span| {
                span.answers += 1;
                span.last_at = at;
            })
            .or_insert(VersionSpan {
                answers: 1,
                first_at: at,
                last_at: at,
            });
    }
}

fn sample(kind: Kind, at: Timestamp, call: &Call, exchanged: &Exchanged) -> FailureSample {
    let detail = match exchanged {
        Ok(answer) => answer.summary(),
        Err(no_answer) => no_answer.detail.clone(),
    };
    FailureSample {
        at,
        kind,
        request_id: call.id.to_string(),
        request: format!("{} {}{}", call.method, call.target.service, call.path),
        detail,
    }
}
