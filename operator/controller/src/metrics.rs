//! Metrics. Labels are static words: no object's name, no error text.

use std::sync::Mutex;
use std::time::Duration;

use changeover_crds::{Phase, SwitchStatus};
use changeover_engine::Finding;
use jiff::SignedDuration;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::memory::Memory;

/// Verbs of what the shell asks and writes by itself; what the engine decides has those of `Request::VERBS`.
pub const GET: &str = "get";
pub const LIST: &str = "list";
pub const STATUS: &str = "status";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    verb: String,
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    verb: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    kind: &'static str,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InPhase {
    phase: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: String,
}

/// The operator's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Call, Counter>,
    refusals: Family<Refusal, Counter>,
    questions: Family<Asked, Counter>,
    outcomes: Family<Ended, Counter>,
    phases: Family<InPhase, Gauge>,
    phase: Family<InPhase, Histogram, fn() -> Histogram>,
    leader: Gauge,
    reconcile: Histogram,
    switch: Histogram,
    rollback: Histogram,
    skew: Histogram,
    verify: Histogram,
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("changeover");
        let metrics = Self {
            requests: Family::default(),
            refusals: Family::default(),
            questions: Family::default(),
            outcomes: Family::default(),
            phases: Family::default(),
            phase: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.01, 3.0, 16))
            }),
            leader: Gauge::default(),
            reconcile: Histogram::new(exponential_buckets(0.005, 2.0, 12)),
            switch: Histogram::new(exponential_buckets(0.005, 2.0, 14)),
            rollback: Histogram::new(exponential_buckets(0.005, 2.0, 14)),
            skew: Histogram::new(exponential_buckets(0.001, 2.0, 10)),
            verify: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            registry: Mutex::new(Registry::default()),
        };
        registry.register(
            "api_requests",
            "Requests to the API server for a release, without its Events, the lease and watches",
            metrics.requests.clone(),
        );
        registry.register(
            "api_refusals",
            "Requests that the API server refused or did not answer",
            metrics.refusals.clone(),
        );
        registry.register(
            "questions",
            "Questions to our own pods by kind and verdict",
            metrics.questions.clone(),
        );
        registry.register(
            "outcomes",
            "Releases that ended, by outcome",
            metrics.outcomes.clone(),
        );
        registry.register("releases", "Releases by phase", metrics.phases.clone());
        registry.register(
            "phase_seconds",
            "From the beginning of a phase to that of the next one",
            metrics.phase.clone(),
        );
        registry.register("leader", "1 if this replica leads", metrics.leader.clone());
        registry.register(
            "reconcile_seconds",
            "Time of one reconcile",
            metrics.reconcile.clone(),
        );
        registry.register(
            "switch_seconds",
            "From the journal to the last verified EndpointSlice",
            metrics.switch.clone(),
        );
        registry.register(
            "rollback_seconds",
            "The same for a switch back",
            metrics.rollback.clone(),
        );
        registry.register(
            "switch_skew_seconds",
            "Between the first and the last Service of a switch",
            metrics.skew.clone(),
        );
        registry.register(
            "switch_verify_seconds",
            "From the last Service of a switch to the last verified EndpointSlice",
            metrics.verify.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            ..metrics
        }
    }

    pub fn request(&self, verb: &str, kind: &str) {
        self.requests
            .get_or_create(&Call {
                verb: verb.to_owned(),
                kind: kind.to_owned(),
            })
            .inc();
    }
    pub fn refused(&self, verb: &str, reason: &str) {
        self.refusals
            .get_or_create(&Refusal {
                verb: verb.to_owned(),
                reason: reason.to_owned(),
            })
            .inc();
    }
    pub fn asked(&self, kind: &'static str, result: &Result<Finding, String>) {
        let verdict = match result {
            Ok(Finding::Unknown) => "unknown",
            Ok(_) => "passed",
            Err(_) => "failed",
        };
        self.questions.get_or_create(&Asked { kind, verdict }).inc();
    }
    pub fn ended(&self, outcome: &str) {
        self.outcomes
            .get_or_create(&Ended {
                outcome: outcome.to_owned(),
            })
            .inc();
    }
    pub fn left(&self, phase: Phase, after: SignedDuration) {
        let phase = format!("{phase:?}");
        let phase = self.phase.get_or_create(&InPhase { phase });
        // A clock may have jumped back.
        phase.observe(after.as_secs_f64().max(0.0));
    }
    pub fn lead(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }
    pub fn reconciled(&self, took: Duration) {
        self.reconcile.observe(took.as_secs_f64());
    }
    pub fn switched(&self, switch: &SwitchStatus, is_back: bool) {
        let whole = if is_back {
            &self.rollback
        } else {
            &self.switch
        };
        for (histogram, millis) in [
            (whole, switch.switch_millis),
            (&self.skew, switch.skew_millis),
            (&self.verify, switch.verify_millis),
        ] {
            if let Some(millis) = millis {
                histogram.observe(Duration::from_millis(millis.unsigned_abs()).as_secs_f64());
            }
        }
    }

    /// All metrics as OpenMetrics text.
    pub fn text(&self, memory: &Memory) -> String {
        self.phases.clear();
        for (phase, count) in memory.phases() {
            self.phases.get_or_create(&InPhase { phase }).set(count);
        }
        let mut text = String::new();
        let registry = self
            .registry
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if encode(&mut text, &registry).is_err() {
            text.clear();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use changeover_engine::Request;

    use super::*;
    use crate::client::reason_of;

    const DOCS: &str = include_str!("../../../docs/metrics.md");

    #[test]
    fn every_metric_is_documented_as_it_is() {
        let (metrics, memory) = (Metrics::new(), Memory::default());
        metrics.request("create", "Service");
        metrics.refused("create", "conflict");
        metrics.asked("smoke", &Ok(Finding::Fine));
        metrics.ended("Live");
        metrics.left(Phase::Live, SignedDuration::ZERO);
        memory.begin("uid");
        memory.note("uid", |notes| notes.phase = Some(Phase::Live));
        let text = metrics.text(&memory);
        let rows = DOCS.lines().filter(|l| l.starts_with("| `changeover_"));
        let rows: Vec<&str> = rows.collect();
        let wanted: Vec<String> = text.split("# HELP ").skip(1).map(row).collect();
        assert_eq!(
            rows,
            wanted,
            "docs/metrics.md should have:\n{}",
            wanted.join("\n")
        );
    }

    /// The row of a metric, from what a scraper is told of it: meaning, type, samples.
    fn row(told: &str) -> String {
        let mut lines = told.lines();
        let (name, meaning) = lines.next().unwrap().split_once(' ').unwrap();
        let (_, kind) = lines.next().unwrap().rsplit_once(' ').unwrap();
        // The first sample of a histogram is its sum, which has no label of a bucket.
        let sample = lines.next().unwrap();
        let labels = sample.split_once('{').map_or("", |(_, labels)| labels);
        let labels = labels.split(',').filter_map(|l| l.split_once('='));
        let labels: Vec<String> = labels.map(|(label, _)| format!(" `{label}`")).collect();
        let (labels, meaning) = (labels.join(","), meaning.trim_end_matches('.'));
        format!("| `{name}` | {kind} |{labels} | {meaning} |")
    }

    #[test]
    fn every_value_of_verb_and_reason_is_documented() {
        let verbs = Request::VERBS.iter().copied().chain([GET, LIST, STATUS]);
        let verbs: BTreeSet<&str> = verbs.collect();
        assert_eq!(values("verb"), verbs);
        // Of every answer that there can be, and of none.
        let reasons: BTreeSet<&str> = (0..1000).map(reason_of).collect();
        assert_eq!(values("reason"), reasons);
    }

    /// The values that docs/metrics.md lists of a label.
    fn values(label: &str) -> BTreeSet<&'static str> {
        let start = format!("| `{label}` | ");
        let values = DOCS.lines().find_map(|l| l.strip_prefix(&start)).unwrap();
        values.split('`').skip(1).step_by(2).collect()
    }
}
