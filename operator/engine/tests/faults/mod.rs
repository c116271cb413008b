//! Every story under every fault: at each point at which something is sent, each fault once. The
//! invariants hold after every write, and the end is that of the undisturbed run (I7).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::model::{Fault, Point, Story, World, difference, outcome};
use crate::scenarios;

/// Failures that are shown; the rest is counted.
const SHOWN: usize = 12;
/// Faults of an ordinary run.
const FAULTS: usize = 800;

struct Job {
    story: Arc<Story>,
    end: Arc<World>,
    point: Arc<Point>,
    fault: Fault,
}

#[test]
fn every_story_survives_every_fault() {
    let started = std::time::Instant::now();
    let mut points = 0;
    let mut jobs = Vec::new();
    let stories = scenarios::all();
    let count = stories.len();
    // To look at one story alone.
    let wanted = std::env::var("ENGINE_STORY").unwrap_or_default();
    for story in stories.into_iter().filter(|s| s.name.contains(&wanted)) {
        let (end, tape) = story.points();
        points += tape.len();
        let (story, end) = (Arc::new(story), Arc::new(end));
        for point in tape.into_iter().map(Arc::new) {
            jobs.extend(Fault::every(point.requests).into_iter().map(|fault| Job {
                story: story.clone(),
                end: end.clone(),
                point: point.clone(),
                fault,
            }));
        }
    }
    let possible = jobs.len();
    let jobs = sample(jobs);
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let judged = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let world = run(job);
                    let writes = usize::try_from(world.api.checker.judged).unwrap();
                    judged.fetch_add(writes, Ordering::Relaxed);
                    failures.lock().unwrap().extend(verdict(job, &world));
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    println!(
        "engine tier: scenarios {count}, fault points {points}, faults run {} of {possible}, \
         writes judged {}, violations {}, {:.1} s",
        jobs.len(),
        judged.into_inner(),
        failures.len(),
        started.elapsed().as_secs_f64()
    );
    for failure in failures.iter().take(SHOWN) {
        println!("{failure}\n");
    }
    assert_eq!(failures.len(), 0, "violations");
}

/// All of them if `ENGINE_FAULTS=all` or one story is asked for; else a spread that ends within a minute.
fn sample(jobs: Vec<Job>) -> Vec<Job> {
    let wanted = std::env::var("ENGINE_FAULTS").unwrap_or_default();
    let is_all = wanted == "all" || std::env::var("ENGINE_STORY").is_ok();
    let limit = if is_all {
        jobs.len()
    } else {
        wanted.parse().unwrap_or(FAULTS)
    };
    let stride = jobs.len().div_ceil(limit.max(1)).max(1);
    jobs.into_iter().step_by(stride).collect()
}

fn run(job: &Job) -> World {
    let mut world = job.point.world.clone();
    world.keeps_past = false;
    world.api.checker.judged = 0;
    world.fault = Some(job.fault);
    world.api.checker.violations.clear();
    job.story.play(&mut world, job.point.op, false);
    world
}

fn verdict(job: &Job, world: &World) -> Option<String> {
    let mut wrong = world.api.checker.violations.clone();
    let (undisturbed, disturbed) = (outcome(&job.end), outcome(world));
    let keys = undisturbed.keys().chain(disturbed.keys());
    // Who acts on an old picture may give a release up that would have succeeded: that is safe, and
    // the reads before a switch are live ones. The invariants hold all the same.
    let is_comparable = !matches!(job.fault, Fault::Stale(_));
    let differing = keys
        .filter(|_| is_comparable)
        .find(|key| undisturbed.get(*key) != disturbed.get(*key));
    if let Some(key) = differing {
        let nothing = serde_json::Value::Null;
        let of = |end: &'_ std::collections::BTreeMap<String, serde_json::Value>| {
            end.get(key).unwrap_or(&nothing).clone()
        };
        let differs = difference(&of(&undisturbed), &of(&disturbed));
        wrong.push(format!("I7 converge: {key}{differs}"));
    }
    let phase = job.point.world.phase();
    let last = world.api.log.iter().skip(job.point.world.api.log.len());
    let log: Vec<&str> = last.map(AsRef::as_ref).take(25).collect();
    (!wrong.is_empty()).then(|| {
        format!(
            "{} in {phase}, {:?} of {} requests:\n  {}\n  {}",
            job.story.name,
            job.fault,
            job.point.requests,
            wrong.join("\n  "),
            log.join("\n  ")
        )
    })
}
