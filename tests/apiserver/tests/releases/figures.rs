//! Metrics say what status says.

use std::time::Duration;

use anyhow::Result;
use changeover_apiserver_tests::{exchange, with_tag};
use changeover_crds::{HistoryEntry, Outcome, Phase, names};

use crate::{status, with_first_release};

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn metrics_have_the_figures_of_the_history() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    sandbox.apply(&exchange("2.0.0")).await?;
    sandbox.await_phase(Phase::Warm, Some("2.0.0")).await?;
    sandbox.annotate(names::ROLLBACK, "one").await?;
    sandbox
        .await_phase(Phase::RolledBack, Some("1.0.0"))
        .await?;
    sandbox.apply(&with_tag("3.0.0", "3.0.0-broken")).await?;
    let release = sandbox.await_phase(Phase::Rejected, Some("1.0.0")).await?;

    // Counted once the write is answered; a watch may be faster.
    let last = "changeover_outcomes_total{outcome=\"Rejected\"}";
    operator
        .await_metric(last, LIMIT, |count| count > 0.0)
        .await?;
    let history = &status(&release)?.history;
    let outcomes: Vec<Outcome> = history.iter().map(|entry| entry.outcome).collect();
    let (live, back) = (Outcome::Live, Outcome::RolledBack);
    assert_eq!(outcomes, [Outcome::Rejected, back, live, live]);
    for (outcome, count) in [("Live", 2.0), ("RolledBack", 1.0), ("Rejected", 1.0)] {
        let label = format!("outcome=\"{outcome}\"");
        let counted = operator.metric("changeover_outcomes_total", &[&label])?;
        assert_eq!(counted, count, "{outcome}");
    }
    let of = |outcomes: &[Outcome], millis: fn(&HistoryEntry) -> Option<i64>| {
        let entries = history.iter().filter(|e| outcomes.contains(&e.outcome));
        entries.filter_map(millis).collect::<Vec<i64>>()
    };
    for (metric, entries) in [
        (
            "changeover_switch_seconds",
            of(&[live], |e| e.switch_millis),
        ),
        (
            "changeover_rollback_seconds",
            of(&[back], |e| e.switch_millis),
        ),
        (
            "changeover_switch_skew_seconds",
            of(&[live, back], |e| e.skew_millis),
        ),
    ] {
        let count = operator.metric(&format!("{metric}_count"), &[])?;
        let sum = operator.metric(&format!("{metric}_sum"), &[])?;
        let millis = Vec::from_iter(entries.iter().map(|millis| *millis as f64));
        assert_eq!(count, millis.len() as f64, "{metric}");
        let told = millis.iter().sum::<f64>() / 1000.0;
        assert!(
            (sum - told).abs() < 1e-6,
            "{metric}: {sum}, but {told} in status"
        );
    }
    let verified = operator.metric("changeover_switch_verify_seconds_count", &[])?;
    assert_eq!(verified, 3.0);
    // Four pods of each of two good versions; of the broken one at least one answered otherwise.
    let smoke = |verdict: &str| {
        let words = [
            "kind=\"smoke\"".to_owned(),
            format!("verdict=\"{verdict}\""),
        ];
        operator.metric("changeover_questions_total", &[&words[0], &words[1]])
    };
    assert_eq!(smoke("passed")?, 8.0);
    assert!(smoke("failed")? >= 1.0);
    sandbox.finish().await
}
