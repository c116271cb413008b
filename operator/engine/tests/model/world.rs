//! API, cluster, operator and clock together, and what people do to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use changeover_crds::{ExchangeRelease, ExchangeReleaseStatus};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::api::{Api, Call, name_of};
use super::bugs::Bug;
use super::cluster::Cluster;
use super::decisions::Decisions;
use super::faults::Fault;
use super::pods::Contact;
use super::shell::{Pass, Shell};
use super::story::Point;
use super::trail::Trail;

pub const RELEASE: &str = "shop";
/// Nothing takes this many passes, unless it goes round in circles.
const ENDLESS: usize = 3000;

#[derive(Clone)]
pub struct World {
    pub api: Api,
    pub cluster: Cluster,
    pub clock: Timestamp,
    pub shell: Shell,
    /// The last change that someone made, by kind.
    pub acted: BTreeMap<&'static str, u64>,
    /// Armed for the next pass.
    pub fault: Option<Fault>,
    /// Requests in the hands of a stopped process, sent when so many passes are over.
    pub withheld: Option<(u32, Vec<Call>)>,
    /// The version that an image answers, where it is not its tag.
    pub answers: BTreeMap<String, String>,
    /// Images with which journeys fail.
    pub bad_journeys: BTreeSet<String>,
    /// Probes and journeys are not answered.
    pub silent: bool,
    /// Pods do not answer on their admin ports.
    pub deaf: bool,
    /// Clients keep their connections whatever a draining pod says.
    pub clinging: bool,
    /// What the databases of services keep of each colour's role: epoch, and whether live.
    pub roles: BTreeMap<[String; 2], (i64, bool)>,
    /// Whether clients reach each pod, by uid.
    pub contacts: BTreeMap<String, Contact>,
    pub events: Vec<(&'static str, Arc<str>)>,
    pub transitions: BTreeSet<(String, String)>,
    /// Reasons of conditions, other than the phase's name.
    pub reasons: BTreeSet<String>,
    pub bug: Bug,
    /// Where a fault could have struck, if someone wants to know.
    pub tape: Option<Vec<Point>>,
    /// What the engine decided before, if runs share that.
    pub decisions: Option<Decisions>,
    /// Where the run came by, if it may end where another went on.
    pub trail: Option<Trail>,
    /// The operation of the story that goes on.
    pub op: usize,
    /// How often the operator looked.
    pub passes: usize,
}

impl World {
    /// An empty cluster with one release in it.
    pub fn new(spec: Value) -> Self {
        let mut world = Self {
            api: Api::default(),
            cluster: Cluster::default(),
            clock: "2026-01-01T00:00:00Z".parse().unwrap(),
            shell: Shell::default(),
            acted: BTreeMap::new(),
            fault: None,
            withheld: None,
            answers: BTreeMap::new(),
            bad_journeys: BTreeSet::new(),
            silent: false,
            deaf: false,
            clinging: false,
            roles: BTreeMap::new(),
            contacts: BTreeMap::new(),
            events: Vec::new(),
            transitions: BTreeSet::new(),
            reasons: BTreeSet::new(),
            bug: Bug::None,
            tape: None,
            decisions: None,
            trail: None,
            op: 0,
            passes: 0,
        };
        world.create_release(spec);
        world
    }

    pub fn name_of(object: &Value) -> String {
        name_of(object)
    }

    pub fn heal_pods(&mut self) {
        self.cluster.broken.clear();
        self.cluster.fates.clear();
    }

    pub fn now(&self) -> String {
        format!("{:.6}", self.clock)
    }

    pub fn advance_clock(&mut self, by: SignedDuration) {
        self.clock = self.clock.checked_add(by).unwrap();
    }

    pub fn tick(&mut self) -> bool {
        self.advance_clock(SignedDuration::from_millis(500));
        let now = self.now();
        let moved = self.cluster.tick(&mut self.api, &now);
        self.note_contacts();
        self.answer_all() || moved
    }

    pub fn status(&self) -> ExchangeReleaseStatus {
        let release = self.api.objects.of("ExchangeRelease").get(RELEASE);
        let status = release.and_then(|r| r.typed::<ExchangeRelease>().status.clone());
        status.unwrap_or_default()
    }

    pub fn raw(&self, kind: &'static str, name: &str) -> &Value {
        static NOTHING: Value = Value::Null;
        self.api.get(kind, name).unwrap_or(&NOTHING)
    }

    pub fn phase(&self) -> String {
        let status = &self.raw("ExchangeRelease", RELEASE)["status"];
        status["phase"].as_str().unwrap_or("None").to_owned()
    }

    /// Reason and message of a condition, if it is true.
    pub fn condition(&self, type_: &str) -> Option<(String, String)> {
        let status = self.status();
        let condition = status
            .conditions
            .into_iter()
            .find(|c| c.type_ == type_ && c.status == "True")?;
        Some((condition.reason, condition.message))
    }

    /// One pass, with what goes on beside it.
    pub fn step(&mut self) -> Pass {
        let from = self.phase();
        let pass = self.taped();
        self.stepped(from, pass)
    }

    /// The same, and this happens between what is read and what is sent.
    pub fn step_around(&mut self, meanwhile: impl FnOnce(&mut Self)) -> Pass {
        let mut from = String::new();
        let pass = self.pass_after(|world| {
            meanwhile(world);
            from = world.phase();
            world.api.checker.is_outrun = true;
        });
        self.api.checker.is_outrun = false;
        self.stepped(from, pass)
    }

    fn stepped(&mut self, from: String, pass: Pass) -> Pass {
        self.passes += 1;
        let to = self.phase();
        if from != to {
            self.transitions.insert((from, to));
        }
        self.deliver(false);
        pass
    }

    /// Notes the reasons of conditions, where the phase is none.
    pub fn note_reasons(&mut self, status: &ExchangeReleaseStatus) {
        let phase = status.phase.map(|phase| format!("{phase:?}"));
        for condition in &status.conditions {
            let reason = &condition.reason;
            if Some(reason) != phase.as_ref() && !self.reasons.contains(reason) {
                self.reasons.insert(reason.clone());
            }
        }
    }

    /// Sends what a stopped process still had in hand, when its time has come.
    fn deliver(&mut self, at_once: bool) {
        if let Some((left, _)) = &mut self.withheld {
            *left = left.saturating_sub(1);
            if *left > 0 && !at_once {
                return;
            }
        }
        self.api.checker.is_late = true;
        for call in self.withheld.take().map(|(_, c)| c).into_iter().flatten() {
            let now = self.now();
            // Refused or not: nobody is left to hear the answer.
            let _ = self.api.call(&call, &now);
        }
        self.api.checker.is_late = false;
    }

    /// Runs until nothing moves. A state that only waits for its deadline gets it if it is `moving`:
    /// windows in which people may act are not waited for.
    pub fn settle(&mut self) {
        for _ in 0..ENDLESS {
            if self.is_over() {
                return;
            }
            let version = self.api.version;
            match self.step() {
                Pass::Acted(_) | Pass::Asked => continue,
                // Someone else wrote, be it a leader of before.
                Pass::Idle(_) if self.api.version != version => continue,
                Pass::Idle(_) if self.tick() => continue,
                Pass::Idle(Some(until)) if self.is_moving() || self.is_put_off(until) => {
                    self.clock = until.max(self.clock);
                }
                Pass::Idle(_) if self.withheld.is_some() => self.deliver(true),
                Pass::Idle(_) => return self.settled(),
            }
        }
        self.api.checker.violation(format!(
            "I10 bounded: still going after {ENDLESS} passes in {}",
            self.phase()
        ));
    }

    pub fn is_being_deleted(&self) -> bool {
        let release = self.raw("ExchangeRelease", RELEASE);
        !release["metadata"]["deletionTimestamp"].is_null()
    }

    fn is_moving(&self) -> bool {
        let status = &self.raw("ExchangeRelease", RELEASE)["status"];
        let drain = &status["drain"];
        let moving = [
            "Switching",
            "RollingBack",
            "Preparing",
            "Verifying",
            "Baking",
        ];
        // While a person pauses, only what moves goes on.
        let paused = !status["pausedSince"].is_null();
        let moving = if paused { &moving[..2] } else { &moving[..] };
        // Clients leave the old colour whatever the phase.
        let drains = !drain.is_null() && drain["endedAt"].is_null();
        moving.contains(&self.phase().as_str()) || drains
    }

    /// Whether what is waited for may be another try of what was refused, and would not be any more, or the end of what
    /// is said of it.
    fn is_put_off(&self, until: Timestamp) -> bool {
        const STANDS: SignedDuration = SignedDuration::from_secs(60);
        let is_soon = until.duration_since(self.clock) <= STANDS;
        is_soon && self.shell.standing(self.clock).next().is_some() && self.api.takes_all()
    }

    fn settled(&mut self) {
        let mut checker = std::mem::take(&mut self.api.checker);
        checker.settled(&self.api);
        if !self.deaf && !self.is_being_deleted() {
            checker.roles(super::reading::Reading { api: &self.api });
        }
        self.api.checker = checker;
        let version = self.api.version;
        for _ in 0..3 {
            let pass = self.step();
            self.tick();
            self.advance_clock(SignedDuration::from_millis(700));
            if matches!(pass, Pass::Acted(_)) || self.api.version != version {
                self.api
                    .checker
                    .violation(format!("I8 still: {pass:?} although settled"));
                return;
            }
        }
    }

    /// Runs until a phase is reached, or nothing moves.
    pub fn until(&mut self, phase: &str) {
        for _ in 0..ENDLESS {
            if self.phase() == phase || self.is_over() {
                return;
            }
            match self.step() {
                Pass::Acted(_) | Pass::Asked => {}
                Pass::Idle(_) if self.tick() => {}
                Pass::Idle(Some(until)) if self.is_moving() => self.clock = until.max(self.clock),
                Pass::Idle(_) => return,
            }
        }
    }

    /// Time goes by, with nothing from outside.
    pub fn wait(&mut self, seconds: i64) {
        self.settle();
        self.advance_clock(SignedDuration::from_secs(seconds));
        self.settle();
    }
}
