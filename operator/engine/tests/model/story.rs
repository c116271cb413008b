//! Given, when, then: a story as a list of operations, so that it can be continued from any point.

use changeover_kubernetes_model::KINDS;

use super::shell::Pass;
use super::trail::Trail;
use super::world::World;

/// States before that of now that a stale read may show: all.
const PAST: usize = usize::MAX;

#[derive(Clone, Copy)]
pub enum Op {
    /// Someone does something.
    Act(fn(&mut World)),
    /// Until nothing moves.
    Settle,
    /// Until this phase.
    Until(&'static str),
    /// Seconds go by.
    Clock(i64),
    /// What must be so, in an undisturbed run.
    Check(&'static str, fn(&World)),
}

#[derive(Clone)]
pub struct Story {
    pub name: &'static str,
    pub world: World,
    pub ops: Vec<Op>,
}

impl Story {
    pub fn given(name: &'static str, world: World) -> Self {
        Self {
            name,
            world,
            ops: Vec::new(),
        }
    }

    /// The same story under another name, to be carried on.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Someone does something.
    pub fn when(mut self, act: fn(&mut World)) -> Self {
        self.ops.push(Op::Act(act));
        self
    }

    /// The same, as soon as the release is in this phase.
    pub fn during(mut self, phase: &'static str, act: fn(&mut World)) -> Self {
        self.ops.extend([Op::Until(phase), Op::Act(act)]);
        self
    }

    /// Everything settles and seconds go by.
    pub fn after(mut self, seconds: i64) -> Self {
        self.ops.extend([Op::Settle, Op::Clock(seconds)]);
        self
    }

    /// Everything settles and this is so.
    pub fn then(mut self, what: &'static str, check: fn(&World)) -> Self {
        self.ops.extend([Op::Settle, Op::Check(what, check)]);
        self
    }

    /// Carries the story on from an operation to its end.
    pub fn play(&self, world: &mut World, from: usize, checks: bool) {
        for (index, op) in self.ops.iter().enumerate().skip(from) {
            world.op = index;
            match op {
                Op::Act(act) => {
                    // What someone does is done once: a fault inside it would do it twice.
                    let (tape, trail) = (world.tape.take(), world.trail.take());
                    let before = world.api.objects.clone();
                    act(world);
                    let is_theirs =
                        |kind: &&str| before.changes(kind) != world.api.objects.changes(kind);
                    let theirs = KINDS.into_iter().filter(is_theirs);
                    world
                        .acted
                        .extend(theirs.map(|kind| (kind, world.api.version)));
                    (world.tape, world.trail) = (tape, trail);
                }
                Op::Settle => world.settle(),
                Op::Until(phase) => world.until(phase),
                Op::Clock(seconds) => {
                    world.advance_clock(jiff::SignedDuration::from_secs(*seconds));
                }
                Op::Check(what, check) if checks => {
                    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        check(world);
                    }));
                    assert!(
                        told.is_ok(),
                        "{}: not so: {what}\n{}",
                        self.name,
                        world.told()
                    );
                }
                Op::Check(..) => {}
            }
            if world.trail.as_ref().is_some_and(|t| t.is_over) {
                return;
            }
        }
        world.op = self.ops.len();
        world.settle();
    }

    /// The undisturbed run: all that is told must be so, and no invariant is broken.
    pub fn run(&self) -> World {
        let mut world = self.world.clone();
        self.play(&mut world, 0, true);
        let violations = &world.api.checker.violations;
        assert!(
            violations.is_empty(),
            "{}: {violations:#?}\n{}",
            self.name,
            world.told()
        );
        world
    }
}

#[derive(Clone)]
/// A point at which a fault can strike: the world before a pass, the operation it belongs to, how many requests it
/// sends, if any, and whether it asks pods.
pub struct Point {
    pub world: World,
    pub op: usize,
    pub requests: usize,
    pub asks: bool,
}

impl Point {
    /// Whether anything is sent, and not only waited for.
    pub const fn sends(&self) -> bool {
        self.requests > 0 || self.asks
    }
}

impl Story {
    /// The undisturbed end, with the way there: every point at which something was sent or waited for, and every state.
    pub fn taped(&self) -> World {
        let mut world = self.world.clone();
        world.api.keep_past(PAST);
        // What was before the story is not to be hidden.
        world.acted = KINDS.map(|kind| (kind, world.api.version)).into();
        world.tape = Some(Vec::new());
        world.trail = Some(Trail::default());
        self.play(&mut world, 0, false);
        world
    }
}

impl World {
    /// One pass; what it was before goes onto the tape, if there is one.
    pub fn taped(&mut self) -> Pass {
        // What a fault strikes is a point of the run before.
        let Some(mut tape) = self.tape.take_if(|_| self.fault.is_none()) else {
            return self.pass();
        };
        let trail = self.trail.take();
        let world = self.clone();
        self.trail = trail;
        let pass = self.pass();
        let requests = match pass {
            Pass::Acted(requests) => requests,
            Pass::Asked | Pass::Idle(_) => 0,
        };
        let asks = pass == Pass::Asked;
        // Who waits might act on what was before, once for each state.
        let is_same = |p: &Point| p.world.api.version == world.api.version;
        if requests > 0 || asks || !tape.last().is_some_and(is_same) {
            let op = self.op;
            tape.push(Point {
                world,
                op,
                requests,
                asks,
            });
        }
        self.tape = Some(tape);
        pass
    }

    /// For people: where the release is and what was done last.
    pub fn told(&self) -> String {
        // What led to the first violation, or what was done last.
        let log = &self.api.log;
        let end = log.iter().position(|line| line.starts_with("^^^"));
        let end = end.map_or(log.len(), |at| at + 1);
        let last = log.iter().take(end).skip(end.saturating_sub(50));
        let log: Vec<&str> = last.map(AsRef::as_ref).collect();
        let status = serde_json::to_string_pretty(&self.status()).unwrap();
        format!("{}\n{status}\nevents: {:#?}", log.join("\n"), self.events)
    }
}
