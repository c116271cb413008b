//! Smoke probes: every probe of a service against every ready pod of a colour.

use changeover_crds::{ColourStatus, ResourceExt, SmokeProbe};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use crate::machine::Turn;
use crate::question::{Ask, ProbeTarget, Question, QuestionKey};
use crate::revision::Smoke;

/// Most probes of one release that are asked at a time: no release takes the operator's sockets from the others.
const AT_ONCE: usize = 64;
/// Pause between two attempts of one probe.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);

pub(super) enum Probing {
    /// These pods passed everything (uids, sorted).
    Passed(Vec<String>),
    /// Some probe used up its attempts.
    Failed(String),
    /// Ask these now; nothing if answers are awaited.
    Run(Vec<Question>),
    /// The next attempt is due then.
    Later(Timestamp),
}

/// How the probes of a colour stand; pods whose uid is in `known` passed before.
pub(super) fn probing(turn: &Turn<'_>, role: &ColourStatus, known: &[String]) -> Probing {
    let mut run = Vec::new();
    let mut later: Option<Timestamp> = None;
    let mut asking = 0;
    for Smoke {
        service,
        port,
        probes,
    } in turn.plan_of(role).smoke
    {
        for pod in turn.world.ready(&service, role) {
            let uid = pod.uid().unwrap_or_default();
            let is_known = known.contains(&uid);
            for probe in probes.iter().filter(|_| !is_known) {
                match attempt(turn, &uid, probe) {
                    Attempt::Passed => {}
                    Attempt::Asking => asking += 1,
                    Attempt::Now(attempt) => {
                        run.extend(question(port, pod, probe, attempt));
                    }
                    Attempt::At(at) => later = Some(later.map_or(at, |l| l.min(at))),
                    Attempt::Exhausted(why) => {
                        let (pod, path) = (pod.name_any(), &probe.path);
                        return Probing::Failed(format!(
                            "{service}: pod {pod}: {} {path}: {why}",
                            probe.method.as_str()
                        ));
                    }
                }
            }
        }
    }
    run.truncate(AT_ONCE.saturating_sub(asking));
    if !run.is_empty() || asking > 0 {
        return Probing::Run(run);
    }
    later.map_or_else(|| Probing::Passed(pods(turn, role)), Probing::Later)
}

/// The ready pods of a colour (uids, sorted).
pub(super) fn pods(turn: &Turn<'_>, role: &ColourStatus) -> Vec<String> {
    let plan = turn.plan_of(role);
    let ready = plan
        .smoke
        .iter()
        .map(|s| turn.world.ready(&s.service, role));
    let mut pods: Vec<String> = ready.flatten().filter_map(ResourceExt::uid).collect();
    pods.sort();
    pods
}

/// The first probe that has neither passed nor used up its attempts, and what came of it so far; pods whose uid is in
/// `known` passed before.
pub(super) fn unfinished(turn: &Turn<'_>, role: &ColourStatus, known: &[String]) -> Option<String> {
    let plan = turn.plan_of(role);
    let mut probes = plan.smoke.iter().flat_map(|smoke| {
        let pods = turn.world.ready(&smoke.service, role).into_iter();
        pods.flat_map(move |pod| smoke.probes.iter().map(move |probe| (smoke, pod, probe)))
    });
    probes.find_map(|(Smoke { service, .. }, pod, probe)| {
        let uid = pod.uid().unwrap_or_default();
        if known.contains(&uid) || matches!(attempt(turn, &uid, probe), Attempt::Passed) {
            return None;
        }
        let record = turn.world.obs.answers.get(&QuestionKey::smoke(&uid, probe));
        let so_far = match record.map(|record| &record.result) {
            Some(Err(why)) => why.as_str(),
            _ => "no answer yet",
        };
        let (pod, method, path) = (pod.name_any(), probe.method.as_str(), &probe.path);
        Some(format!("{service}: pod {pod}: {method} {path}: {so_far}"))
    })
}

enum Attempt {
    Passed,
    Asking,
    Now(u8),
    At(Timestamp),
    Exhausted(String),
}

fn attempt(turn: &Turn<'_>, pod: &str, probe: &SmokeProbe) -> Attempt {
    let key = QuestionKey::smoke(pod, probe);
    if turn.world.obs.asking.contains(&key) {
        return Attempt::Asking;
    }
    let Some(record) = turn.world.obs.answers.get(&key) else {
        return Attempt::Now(1);
    };
    // What failed before this phase began failed in another try of the same pods: a retry is a new one.
    let since = turn.next.phase_since.as_ref().map(|t| t.0);
    if record.result.is_err() && since.is_some_and(|since| record.last < since) {
        return Attempt::Now(1);
    }
    match &record.result {
        Ok(_) => Attempt::Passed,
        Err(why) if record.attempts >= probe.attempts => {
            Attempt::Exhausted(format!("{why} ({} attempts)", record.attempts))
        }
        Err(_) => {
            let due = record.last.checked_add(PAUSE).unwrap_or(turn.now);
            if due <= turn.now {
                Attempt::Now(record.attempts.saturating_add(1))
            } else {
                Attempt::At(due)
            }
        }
    }
}

fn question(port: i32, pod: &Pod, probe: &SmokeProbe, attempt: u8) -> Option<Question> {
    Some(Question {
        key: QuestionKey::smoke(&pod.uid()?, probe),
        attempt,
        ask: Ask::Smoke(ProbeTarget {
            pod: pod.name_any(),
            ip: pod.status.as_ref()?.pod_ip.clone()?,
            port,
            probe: probe.clone(),
        }),
    })
}
