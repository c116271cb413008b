use changeover_crds::{ColourStatus, Duration, ExchangeReleaseSpec, ExchangeReleaseStatus, Phase};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::commands::{self, Asked};
use crate::conditions::{self, Why};
use crate::decision::{Decision, Notice, Step};
use crate::flip::address;
use crate::live;
use crate::memo::Facts;
use crate::moves::Move;
use crate::news::News;
use crate::observation::{Failure, Observation};
use crate::phase;
use crate::reads::{self, Reads};
use crate::reason::Reason;
use crate::refusal::{self, PutOff};
use crate::revision::Plan;
use crate::world::World;

/// Decides what to do next.
///
/// Intent before effect: a status that carries new intent (a phase, a role, the journal) is written
/// before any request that follows from it; what only informs is written when nothing else is to do.
#[must_use]
pub fn decide(obs: &Observation, now: Timestamp) -> Decision {
    if obs.release.metadata.deletion_timestamp.is_some() || is_terminating(obs, now) {
        // From here on nothing is created, repaired or flipped; ownerReferences do the rest.
        return Decision {
            step: Step::Wait(None),
            notices: Vec::new(),
            reads: Reads::NOTHING,
        };
    }
    let facts = Facts::of(obs);
    let mut turn = Turn::new(World::new(obs, &facts), now);
    turn.take_commands();
    let mv = commands::obey(&mut turn).unwrap_or_else(|| phase::step(&mut turn));
    turn.finish(mv)
}

/// Whether the namespace is being deleted, which shows itself only by what is refused: there is no right to read it.
/// One of several API servers may say so of a namesake before, so it is asked again.
fn is_terminating(obs: &Observation, now: Timestamp) -> bool {
    let counts = |f: &Failure| f.is_terminating && f.stands(now);
    obs.failures.iter().any(counts)
}

/// One pass: the world as observed, and the status as it should be.
pub(crate) struct Turn<'a> {
    pub(crate) world: World<'a>,
    pub(crate) now: Timestamp,
    pub(crate) spec: &'a ExchangeReleaseSpec,
    /// The revision that the spec names.
    pub(crate) wanted: &'a str,
    /// Why the spec cannot be carried out, where only we can see it.
    pub(crate) invalid: Option<&'a str>,
    pub(crate) next: ExchangeReleaseStatus,
    pub(crate) why: Why,
    /// What people ask for.
    pub(crate) asked: Asked,
    /// Repairs that were left out of this turn.
    pub(crate) put_off: Vec<PutOff>,
    /// How many kinds of repairs were looked at, one after the other.
    pub(crate) stage: usize,
    notices: Vec<Notice>,
}

impl<'a> Turn<'a> {
    fn new(world: World<'a>, now: Timestamp) -> Self {
        let release = world.release();
        let spec = &release.spec;
        Self {
            world,
            // The API server stores microseconds.
            now: Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now),
            spec,
            wanted: &world.spec().revision,
            invalid: world.spec().invalid.as_deref(),
            next: release.status.clone().unwrap_or_default(),
            why: Why::default(),
            asked: Asked::default(),
            put_off: Vec::new(),
            stage: 0,
            notices: Vec::new(),
        }
    }

    /// Begins a phase, of which nothing is said yet.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.why = Why::default();
        self.next.phase = Some(phase);
        self.next.phase_since = Some(MicroTime(self.now));
        self.next.paused_for = None;
        // In any other phase nothing is warm, nor the candidate of a revert.
        if phase != Phase::Warm && !self.is_before_switch() {
            self.next.warm_until = None;
        }
    }

    /// Whether a candidate is built and judged, and no client sees it yet.
    pub(crate) const fn is_before_switch(&self) -> bool {
        matches!(
            self.next.phase,
            Some(Phase::Preparing | Phase::Verifying | Phase::AwaitingApproval)
        )
    }

    /// When this phase ends by itself, or what is kept for its logs goes, if it does. A pause makes it later.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        let still = self.next.stood_still(self.now).unwrap_or_default();
        let end = phase::ends_at(self)?.checked_add(still);
        Some(end.unwrap_or(Timestamp::MAX))
    }

    /// The same of a phase that always does.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.ends_at().unwrap_or(Timestamp::MAX)
    }

    /// How the live revision is judged and drained.
    pub(crate) fn plan(&self) -> Plan {
        let live = self.next.live.as_ref();
        live.map_or_else(|| Plan::of(self.spec), |live| self.plan_of(live))
    }

    /// How a revision is judged and drained: as the spec says while it names it and can be carried out, else as stored.
    pub(crate) fn plan_of(&self, role: &ColourStatus) -> Plan {
        let moved_on = role.revision != self.wanted || self.invalid.is_some();
        let stored = moved_on
            .then(|| self.world.stored(&role.revision))
            .flatten();
        stored.map_or_else(|| Plan::of(self.spec), |stored| stored.plan.clone())
    }

    pub(crate) fn tell(&mut self, news: News, note: String) {
        self.notices.push(Notice { news, note });
    }

    /// Says what is waited for.
    pub(crate) fn say(&mut self, reason: Option<Reason>, message: impl Into<String>) {
        self.why = Why {
            reason,
            message: message.into(),
            stalled: false,
        };
    }

    /// Says what stands in the way.
    pub(crate) fn stall(&mut self, reason: Reason, message: impl Into<String>) {
        self.why = Why {
            reason: Some(reason),
            message: message.into(),
            stalled: true,
        };
    }

    fn finish(mut self, mv: Move) -> Decision {
        if self.why == Why::default() {
            phase::describe(&mut self);
        }
        phase::warn(&mut self);
        let contested_at = live::contested(&mut self);
        let put_off_until = self.put_off.iter().map(|repair| repair.until).min();
        // What is said of one that is not tried again is taken back.
        let failures = self.world.obs.failures.iter();
        let lapses = failures.map(Failure::lapses).min();
        let refused = refusal::refused(self.world, mv.requests());
        // What lasts is told before it is tried again.
        let lasts = refused.is_some() || self.why.reason == Some(Reason::RollbackLate);
        if let Some((reason, message)) = refusal::told(&self, &mv, refused) {
            self.stall(reason, message);
        }
        self.derive();
        let old = self.world.release().status.clone().unwrap_or_default();
        let is_news = old != self.next;
        let is_intent = intent(&old) != intent(&self.next);
        let informs_at = self.informs_at();
        let is_asking = matches!(mv, Move::Ask(..));
        let step = match mv {
            _ if is_intent => Step::Status(Box::new(self.next)),
            Move::Requests(requests) if !(lasts && is_news) => Step::Requests(requests),
            Move::Ask(questions, _) if !questions.is_empty() => Step::Ask(questions),
            mv if !is_news || informs_at > self.now => {
                let informs_at = is_news.then_some(informs_at);
                Step::Wait(soonest([
                    mv.until(),
                    informs_at,
                    contested_at,
                    put_off_until,
                    lapses,
                ]))
            }
            _ => Step::Status(Box::new(self.next)),
        };
        let notices = if matches!(step, Step::Status(_)) {
            self.notices
        } else {
            Vec::new()
        };
        let reads = match &step {
            Step::Requests(requests) => reads::of_requests(requests),
            Step::Status(next) if is_intent => {
                let serves = self.world.live_services().next().is_some();
                reads::of_intent(&old, next, serves, self.asked.is_order())
            }
            Step::Ask(_) | Step::Wait(_) if is_asking => reads::beside(old.phase),
            Step::Status(_) | Step::Ask(_) | Step::Wait(_) => Reads::NOTHING,
        };
        Decision {
            step,
            notices,
            reads,
        }
    }

    /// When words about progress may be written: a phase that is over in a moment needs none in between, and
    /// nobody reads faster.
    fn informs_at(&self) -> Timestamp {
        const MOMENT: SignedDuration = SignedDuration::from_secs(2);
        let is_brief = matches!(
            self.next.phase,
            Some(Phase::Preparing | Phase::Verifying | Phase::Switching | Phase::RollingBack)
        );
        let since = self.next.phase_since.as_ref().map(|t| t.0);
        let last = since.max(self.world.obs.written);
        let end = last.and_then(|last| last.checked_add(MOMENT).ok());
        // What has a reason of its own is no progress.
        let is_progress = is_brief && self.why.reason.is_none();
        end.filter(|_| is_progress).unwrap_or(self.now)
    }

    /// Whether the status is about what the spec names now. While the operator still sees to an older one, to who
    /// reads `observedGeneration` the newer was not seen yet: its outcome would be taken for that of the older.
    fn speaks_of_spec(&self) -> bool {
        let mut roles = [&self.next.candidate, &self.next.live]
            .into_iter()
            .flatten();
        self.invalid.is_some()
            || self.is_rejected()
            || roles.any(|role| role.revision == self.wanted)
    }

    /// Fills in what follows from the world.
    fn derive(&mut self) {
        let release = self.world.release();
        if self.speaks_of_spec() {
            self.next.observed_generation = release.metadata.generation;
        }
        let next = &mut self.next;
        let roles = [&mut next.live, &mut next.candidate, &mut next.warm];
        for role in roles.into_iter().flatten() {
            role.services = self.world.counted(role);
        }
        if let Some(journal) = &mut self.next.switch {
            for step in &mut journal.services {
                let service = self.world.live_service(&step.name);
                step.switched =
                    service.is_some_and(|s| self.world.pointing(s).colour == Some(journal.to));
                step.cluster_ip = service.and_then(address).or(step.cluster_ip.take());
            }
        }
        self.next.deadline = phase::ends_at(self).map(MicroTime);
        let serving = live::serves_clients(self.world, &self.next);
        let old = release.status.as_ref().map_or(&[][..], |s| &s.conditions);
        self.next.conditions = conditions::build(&self.next, old, serving, &self.why, self.now);
    }
}

/// The part of a status that says what we are about to do.
fn intent(status: &ExchangeReleaseStatus) -> ExchangeReleaseStatus {
    let mut intent = status.clone();
    intent.observed_generation = None;
    intent.deadline = None;
    intent.conditions.clear();
    for role in [&mut intent.live, &mut intent.candidate, &mut intent.warm]
        .into_iter()
        .flatten()
    {
        role.services.clear();
    }
    if let Some(journal) = &mut intent.switch {
        journal.services.clear();
    }
    intent
}

/// The first of some times.
pub(crate) fn soonest<const N: usize>(times: [Option<Timestamp>; N]) -> Option<Timestamp> {
    times.into_iter().flatten().min()
}

/// A time plus a duration; the far future where that overflows. In microseconds, as the API server stores it.
pub(crate) fn after(time: Timestamp, duration: Duration) -> Timestamp {
    let micros = std::time::Duration::from(duration).as_micros();
    let duration = SignedDuration::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}
