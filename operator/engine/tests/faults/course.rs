//! A story and the way it goes undisturbed; a run that a fault disturbs is held against it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::drawing::undrawn;
use crate::model::{
    Decisions, Fault, Known, MADE, Point, State, Story, Trail, World, difference, outcome,
};

/// The release, in an outcome.
const RELEASE_KEY: &str = "ExchangeRelease shop";

pub struct Course {
    story: Story,
    /// How it ends.
    pub world: World,
    /// What can be seen then.
    end: BTreeMap<String, Value>,
    /// Where something was sent on the way.
    pub points: Vec<Point>,
    /// Where it came by.
    states: Vec<State>,
}

/// Runs of one story, which learn from each other where it goes on well.
pub struct Runs<'c> {
    pub course: &'c Course,
    /// The end was that of the undisturbed run.
    known: Arc<Known>,
    /// The invariants held, for who did not see a write.
    known_to_blind: Arc<Known>,
    decisions: Decisions,
}

/// What came of one run.
pub struct Run {
    /// How it went, if it did not go well.
    pub failure: Option<String>,
    /// Writes that were judged.
    pub judged: usize,
    /// Where something was sent after the fault, if that was asked for.
    pub points: Vec<Point>,
    /// Whether it came to a known state.
    pub is_cut: bool,
    /// Whether the operator did not see what it had written itself, or what someone had done.
    is_blind: bool,
    world: World,
}

impl Course {
    pub fn of(story: Story) -> Self {
        let mut world = story.taped();
        let violations = &world.api.checker.violations;
        assert!(violations.is_empty(), "{}: {violations:#?}", story.name);
        Self {
            end: outcome(&world),
            points: world.tape.take().unwrap(),
            states: world.trail.take().unwrap().states,
            story,
            world,
        }
    }

    pub fn runs(&self) -> Runs<'_> {
        let known = Arc::new(Known::default());
        known.learn(self.states.clone());
        Runs {
            course: self,
            known,
            known_to_blind: Arc::default(),
            decisions: Decisions::default(),
        }
    }
}

impl Runs<'_> {
    /// States from which the story is known to go on well.
    pub fn states(&self) -> usize {
        self.known.count()
    }

    /// Carries the story on from a point, under a fault, until it is where another run went on well.
    pub fn run(&self, point: &Point, fault: Fault, tapes: bool) -> Run {
        let mut world = point.world.clone();
        world.api.keep_past(0);
        world.api.checker.judged = 0;
        world.api.checker.violations.clear();
        world.fault = Some(fault);
        world.decisions = Some(self.decisions.clone());
        let is_blind = world.hides_a_write();
        let mut known = vec![self.known.clone()];
        known.extend(is_blind.then(|| self.known_to_blind.clone()));
        world.trail = Some(Trail::new(known));
        world.tape = tapes.then(Vec::new);
        self.course.story.play(&mut world, point.op, false);
        let trail = world.trail.take().unwrap();
        let failure = self.failure(point, fault, &world, !trail.is_over && !is_blind);
        let is_exact = trail.is_over || self.differs(&world, &[]).is_none();
        if failure.is_none() && is_blind {
            self.known_to_blind.learn(trail.states);
        } else if failure.is_none() && is_exact {
            self.known.learn(trail.states);
        }
        Run {
            failure,
            judged: usize::try_from(world.api.checker.judged).unwrap(),
            points: world.tape.take().unwrap_or_default(),
            is_cut: trail.is_over,
            is_blind,
            world,
        }
    }

    /// Plays a run that was cut to its end, whatever is known.
    pub fn go_on(&self, run: Run, fault: Fault) -> Option<String> {
        let mut world = run.world;
        let op = world.op;
        let point = Point {
            world: world.clone(),
            op,
            requests: 0,
            asks: false,
        };
        self.course.story.play(&mut world, op, false);
        self.failure(&point, fault, &world, !run.is_blind)
    }

    fn failure(&self, point: &Point, fault: Fault, world: &World, ends: bool) -> Option<String> {
        let mut wrong = world.api.checker.violations.clone();
        wrong.extend(undrawn(world));
        // Who does not see its own writes, which cannot be, or sees too late what someone did, may end otherwise. The
        // other invariants hold all the same.
        if ends {
            let but_for: &[&str] = match fault {
                // A POST has no precondition: what a replaced leader still makes is removed again (decision 0006).
                _ if fault.is_late() => &[MADE],
                // Nothing is written any more of what was seen too late.
                _ if fault.is_of_reading() && world.is_being_deleted() => &[RELEASE_KEY],
                _ => &[],
            };
            wrong.extend(self.differs(world, but_for));
        }
        let phase = point.world.phase();
        let last = world.api.log.iter().skip(point.world.api.log.len());
        let log: Vec<&str> = last.map(AsRef::as_ref).take(25).collect();
        (!wrong.is_empty()).then(|| {
            format!(
                "{} in {phase}, {fault:?} of {} requests:\n  {}\n  {}",
                self.course.story.name,
                point.requests,
                wrong.join("\n  "),
                log.join("\n  ")
            )
        })
    }

    /// I7 converge: the end is that of the undisturbed run.
    fn differs(&self, world: &World, but_for: &[&str]) -> Option<String> {
        let end = outcome(world);
        let keys = self.course.end.keys().chain(end.keys());
        let mut keys = keys.filter(|key| !but_for.contains(&key.as_str()));
        let key = keys.find(|key| self.course.end.get(*key) != end.get(*key))?;
        let of = |end: &BTreeMap<String, Value>| end.get(key).cloned().unwrap_or_default();
        let differs = difference(&of(&self.course.end), &of(&end));
        Some(format!("I7 converge: {key}{differs}"))
    }
}
