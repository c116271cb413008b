//! Metrics. Labels are static words: no object's name, no error text.

use std::sync::Mutex;
use std::time::Duration;

use changeover_crds::SwitchStatus;
use changeover_engine::Finding;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::memory::Memory;

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
    use changeover_crds::Phase;

    use super::*;

    const DOCS: &str = include_str!("../../../docs/metrics.md");

    #[test]
    fn every_metric_is_documented_as_it_is() {
        let (metrics, memory) = (Metrics::new(), Memory::default());
        metrics.request("create", "Service");
        metrics.refused("create", "conflict");
        metrics.asked("smoke", &Ok(Finding::Fine));
        metrics.ended("Live");
        memory.begin("uid");
        memory.note("uid", |notes| notes.phase = Some(Phase::Live));
        let text = metrics.text(&memory);
        let help = text.lines().filter_map(|l| l.strip_prefix("# HELP "));
        let mut count = 0;
        for (name, meaning) in help.filter_map(|l| l.split_once(' ')) {
            let meaning = meaning.trim_end_matches('.');
            let is_it = |l: &&str| l.starts_with(&format!("| `{name}` |")) && l.contains(meaning);
            assert!(
                DOCS.lines().any(|l| is_it(&l)),
                "docs/metrics.md: {name}: {meaning}"
            );
            count += 1;
        }
        let documented = DOCS
            .lines()
            .filter(|l| l.starts_with("| `changeover_"))
            .count();
        assert_eq!(count, documented);
    }
}
