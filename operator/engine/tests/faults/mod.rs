//! Every story under every fault: at each point at which something is sent, each fault once; at each of these and
//! wherever the operator waits, each picture that is late; and each crash on each way on from a crash. The invariants
//! hold after every write, and the end is that of the undisturbed run (I7); not so where a late picture hides what
//! someone did, which came later then.
//!
//! A run that comes to a state from which another one of its story went on well is over: the engine is a
//! function of what it sees. So a second crash matters only before the first one is recovered from.

mod course;

use std::cmp::Reverse;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use changeover_engine::Step;
use changeover_figures::Figures;

use crate::model::{Fault, Point, Story};
use crate::parallel::in_parallel;
use crate::scenarios;
use course::{Course, Run, Runs};

/// Runs that are played on past a known state, to see that they end well.
const PLAYED_ON: usize = 300;
/// Failures that are shown; the rest is counted.
const SHOWN: usize = 12;

/// What the runs of a story came to.
#[derive(Default)]
struct Sum {
    /// Where something was sent after a crash.
    points: usize,
    runs: usize,
    cut: usize,
    judged: usize,
    states: usize,
    failures: Vec<String>,
}

impl Sum {
    fn add(&mut self, run: &Run) {
        self.runs += 1;
        self.cut += usize::from(run.is_cut);
        self.judged += run.judged;
        self.failures.extend(run.failure.clone());
    }

    fn tell(sums: Vec<Self>, mut figures: Figures, started: Instant) {
        let of = |count: fn(&Self) -> usize| sums.iter().map(count).sum::<usize>();
        figures.put("faults run", of(|s| s.runs));
        figures.put("runs ended early", of(|s| s.cut));
        figures.put("states", of(|s| s.states));
        figures.put("invariants checked after writes", of(|s| s.judged));
        figures.put("violations", of(|s| s.failures.len()));
        figures.took(started.elapsed());
        figures.tell().unwrap();
        let failures: Vec<String> = sums.into_iter().flat_map(|s| s.failures).collect();
        none(&failures);
    }
}

/// The stories as they go undisturbed, those with the most points first; `ENGINE_STORY` names one.
pub fn courses() -> &'static [Course] {
    static COURSES: OnceLock<Vec<Course>> = OnceLock::new();
    COURSES.get_or_init(|| {
        let wanted = std::env::var("ENGINE_STORY").unwrap_or_default();
        let mut stories = scenarios::all();
        stories.retain(|s| s.name.contains(&wanted));
        let mut courses = in_parallel(&stories, |story: &Story| Course::of(story.clone()));
        courses.sort_by_key(|c| Reverse(c.points.len()));
        courses
    })
}

fn none(failures: &[String]) {
    for failure in failures.iter().take(SHOWN) {
        println!("{failure}\n");
    }
    assert_eq!(failures.len(), 0, "violations");
}

/// Batches of which every subset is tried: those of the same verbs and kinds once in each phase, in the first story that
/// comes by. Requests of a batch commute, and most stories begin alike.
#[derive(Default)]
struct Batches(Mutex<HashSet<u64>>);

impl Batches {
    /// The crashes inside this one that nobody has tried; inside a small one every story tries all.
    fn further_crashes(&self, point: &Point) -> Vec<Fault> {
        let mut crashes = Fault::further_crashes(point.requests);
        if !crashes.is_empty() && !self.is_first(point) {
            crashes.clear();
        }
        crashes
    }

    fn is_first(&self, point: &Point) -> bool {
        let Step::Requests(requests) = &point.world.decision().step else {
            return false;
        };
        let mut sum = DefaultHasher::new();
        point.world.phase().hash(&mut sum);
        for request in requests {
            (request.verb(), request.kind()).hash(&mut sum);
        }
        self.0.lock().unwrap().insert(sum.finish())
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

#[test]
fn every_story_survives_every_fault() {
    let mut figures = Figures::of("engine", "faults");
    let started = Instant::now();
    let batches = Batches::default();
    let sums = in_parallel(courses(), |course| {
        let runs = course.runs();
        let mut sum = Sum::default();
        for point in &course.points {
            let further = batches.further_crashes(point);
            for fault in Fault::every(point).into_iter().chain(further) {
                sum.add(&runs.run(point, fault, false));
            }
        }
        sum.states = runs.states();
        sum
    });
    figures.put("scenarios", sums.len());
    figures.put("batches in all subsets", batches.count());
    let points = courses().iter().flat_map(|c| &c.points);
    let (sends, waits): (Vec<_>, Vec<_>) = points.partition(|p| p.sends());
    figures.put("fault points", sends.len());
    figures.put("points of waiting", waits.len());
    Sum::tell(sums, figures, started);
}

#[test]
fn every_story_survives_a_crash_after_a_crash() {
    let mut figures = Figures::of("engine", "pairs of crashes");
    let started = Instant::now();
    // The ways on of one story at a time: those of all would fill the memory.
    let sums = in_parallel(courses(), |course| {
        let (runs, points) = ways_on(course);
        let mut sum = Sum {
            points: points.len(),
            ..Sum::default()
        };
        for (point, crash) in crashes(&points) {
            sum.add(&runs.run(point, crash, false));
        }
        sum.states = runs.states();
        sum
    });
    figures.put("scenarios", sums.len());
    let points: usize = sums.iter().map(|sum| sum.points).sum();
    figures.put("points after a crash", points);
    Sum::tell(sums, figures, started);
}

fn crashes(points: &[Point]) -> impl Iterator<Item = (&Point, Fault)> {
    let each = |point| Fault::crashes(point).map(move |crash| (point, crash));
    points.iter().flat_map(each)
}

/// Where something is sent between any crash and the recovery from it, each such state once.
fn ways_on(course: &Course) -> (Runs<'_>, Vec<Point>) {
    let runs = course.runs();
    let mut ways = Vec::new();
    let mut seen = HashSet::new();
    for (point, crash) in crashes(&course.points) {
        let run = runs.run(point, crash, true);
        let sends = run.points.into_iter().filter(Point::sends);
        ways.extend(sends.filter(|p| {
            let state = p.world.state();
            seen.insert((state.digest, state.memory))
        }));
    }
    (runs, ways)
}

#[test]
fn a_run_that_ends_early_would_have_ended_well() {
    let all: usize = courses().iter().map(|c| c.points.len()).sum();
    let stride = all.div_ceil(PLAYED_ON).max(1);
    let played = in_parallel(courses(), |course| {
        let runs = course.runs();
        let mut played = Vec::new();
        for (index, point) in course.points.iter().enumerate().step_by(stride) {
            let faults = Fault::every(point);
            let fault = faults[index * 7 % faults.len()];
            let run = runs.run(point, fault, false);
            if run.is_cut {
                played.push(runs.go_on(run, fault));
            }
        }
        played
    });
    let played: Vec<Option<String>> = played.into_iter().flatten().collect();
    let one_story = std::env::var_os("ENGINE_STORY").is_some();
    assert!(
        one_story || played.len() > 50,
        "only {} were cut",
        played.len()
    );
    none(&played.into_iter().flatten().collect::<Vec<_>>());
}
