//! Metrics say what status says.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use changeover_apiserver_tests::{Calls, NAME, Sandbox, exchange, phase_is, until, with_tag};
use changeover_crds::{Colour, ExchangeRelease, HistoryEntry, Outcome, Phase, names};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::{status, with_a_proxy, with_first_release};

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
    // Three candidates, of which two were switched to; the way back was one of the second's.
    let left = |phase: Phase| {
        let label = format!("phase=\"{phase:?}\"");
        operator.metric("changeover_phase_seconds_count", &[&label])
    };
    assert_eq!(
        (left(Phase::Preparing)?, left(Phase::Switching)?),
        (3.0, 2.0)
    );
    assert_eq!((left(Phase::Warm)?, left(Phase::RollingBack)?), (1.0, 1.0));
    assert_eq!(left(Phase::Rejected)?, 0.0, "it goes on");
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

#[tokio::test]
async fn metrics_count_journeys_by_how_they_ended() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    let journeys = |verdict: &str| {
        let verdict = format!("verdict=\"{verdict}\"");
        operator.metric(
            "changeover_questions_total",
            &["kind=\"journey\"", &verdict],
        )
    };
    let pinned = |colour| names::coloured(NAME, "user", colour);

    hold_in_verifying(&sandbox, "2.0.0").await?;
    sandbox.answer_for(&pinned(Colour::Green), "2.0.0").await?;
    let live = names::live_service(NAME, "user");
    sandbox.answer_for(&live, "2.0.0").await?;
    sandbox.kubelet.let_answer(true);
    sandbox.await_phase(Phase::Warm, Some("2.0.0")).await?;
    // One through the pinned Services before the switch, one through the live ones after it.
    assert_eq!((journeys("passed")?, journeys("failed")?), (2.0, 0.0));

    hold_in_verifying(&sandbox, "3.0.0").await?;
    sandbox.answer_for(&pinned(Colour::Blue), "another").await?;
    sandbox.kubelet.let_answer(true);
    let rejected = sandbox.await_phase(Phase::Rejected, Some("2.0.0")).await?;
    let rejected = status(&rejected)?.rejected.as_ref();
    assert_eq!(rejected.map(|r| r.reason.as_str()), Some("JourneyFailed"));
    assert_eq!((journeys("passed")?, journeys("failed")?), (2.0, 1.0));
    sandbox.finish().await
}

/// A release with a journey, whose pods answer no probe yet.
async fn hold_in_verifying(sandbox: &Sandbox, version: &str) -> Result<()> {
    sandbox.kubelet.let_answer(false);
    sandbox.apply(&with_a_journey(version)?).await?;
    sandbox
        .await_release("Verifying", |release| {
            let candidate = release.status.as_ref().and_then(|s| s.candidate.as_ref());
            phase_is(release, Phase::Verifying) && candidate.is_some_and(|c| c.version == version)
        })
        .await?;
    Ok(())
}

fn with_a_journey(version: &str) -> Result<Value> {
    let mut release = exchange(version);
    let verification = release.pointer_mut("/spec/verification");
    let verification = verification.and_then(Value::as_object_mut);
    let journeys = json!([{
        "name": "ask-for-the-version",
        "steps": [{
            "service": "user", "method": "GET", "path": "/version",
            "expect": {"status": 200, "json": {"$.version": version}},
        }],
    }]);
    verification
        .context("no verification")?
        .insert("journeys".to_owned(), journeys);
    Ok(release)
}

#[tokio::test]
async fn metrics_count_what_is_asked_of_the_api_server() -> Result<()> {
    let (sandbox, proxy, operator) = with_a_proxy().await?;
    sandbox.apply(&exchange("2.0.0")).await?;
    sandbox.await_phase(Phase::Warm, Some("2.0.0")).await?;
    // A revision that went back is stamped when it is tried again; its pods are deleted for another.
    sandbox.annotate(names::ROLLBACK, "one").await?;
    sandbox.await_phase(Phase::RolledBack, None).await?;
    sandbox.annotate(names::RETRY, "one").await?;
    sandbox.await_phase(Phase::Warm, Some("2.0.0")).await?;
    sandbox.apply(&exchange("3.0.0")).await?;
    sandbox.await_phase(Phase::Warm, Some("3.0.0")).await?;

    let requests = "changeover_api_requests_total";
    until(LIMIT, async || {
        let calls = proxy.calls();
        let mut wrong = Vec::new();
        for ((verb, kind), count) in &calls {
            let words = [format!("verb=\"{verb}\""), format!("kind=\"{kind}\"")];
            let counted = operator.metric(requests, &[&words[0], &words[1]])?;
            if counted != f64::from(*count) {
                wrong.push(format!("{verb} {kind}: {counted}, but {count} passed"));
            }
        }
        let passed: u32 = calls.values().sum();
        let all = operator.metric(requests, &[])?;
        if all != f64::from(passed) {
            wrong.push(format!("{all} of all, but {passed} passed"));
        }
        Ok((!wrong.is_empty()).then(|| wrong.join("; ")))
    })
    .await?;
    let verbs = BTreeSet::from_iter(proxy.calls().into_keys().map(|(verb, _)| verb));
    let all = ["create", "delete", "flip", "get", "list", "stamp", "status"];
    assert!(verbs.is_superset(&all.into()), "{verbs:?}");
    sandbox.finish().await
}

#[tokio::test]
async fn a_release_that_is_deleted_while_nobody_watches_is_counted_no_more() -> Result<()> {
    let sandbox = Sandbox::new().await?;
    let proxy = sandbox.proxy().await?;
    let operator = sandbox.operator_through(&proxy, "one")?;
    let mut first = exchange("1.0.0");
    for service in first["spec"]["services"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        // Whoever asks there again and again finds out by itself.
        service.as_object_mut().and_then(|s| s.remove("adminPort"));
    }
    sandbox.apply(&first).await?;
    sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    let releases = "changeover_releases";
    // So does a pass that is going on.
    sandbox.await_still(&[Colour::Blue]).await?;
    let mut calls = Calls::default();
    until(LIMIT, async || {
        let before = std::mem::replace(&mut calls, proxy.calls());
        Ok((calls != before).then(|| format!("{calls:?} after {before:?}")))
    })
    .await?;
    let count = operator.metric(releases, &[])?;
    assert_eq!(count, 1.0);
    // No event tells of it, and no child's does.
    proxy.cut_watches(true);
    let api: Api<ExchangeRelease> = sandbox.api();
    api.delete(NAME, &DeleteParams::background()).await?;
    sandbox.await_gone::<ExchangeRelease>(NAME).await?;
    operator
        .await_metric(releases, LIMIT, |count| count == 0.0)
        .await?;
    proxy.cut_watches(false);
    sandbox.finish().await
}
