//! How fast clients are moved, and moved back: real pods, the operator as Helm installs it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use changeover_apiserver_tests::until;
use changeover_crds::{Colour, ExchangeRelease, Phase, names};
use changeover_e2e::{Lab, RELEASE, Spec, Stage, say};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use tokio::time::sleep;

use crate::figures::{self, Spans};
use crate::trace::{Trace, span};

/// Of the cluster.
const CLUSTER: &str = "changeover-bench";
/// Aborted at each of two moments.
const RELEASES: u32 = 20;
/// So far into the bake the last of those is aborted that are spread over it.
const SPREAD: Duration = Duration::from_secs(4);
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Measured {
    verdict_to_flip: Spans,
    ready_to_flip: Spans,
    gap: Spans,
    back: Spans,
    back_at_once: Spans,
    recorded_to_back: Spans,
}

/// Releases again and again, and aborts each in its bake: half of them as soon as it begins, when the API server is
/// busy with what the switch set off; nobody knows when a person will, so the others evenly over its first seconds.
///
/// # Errors
/// If one does not become live, or does not go back.
pub async fn measure() -> Result<()> {
    let lab = Lab::up(CLUSTER)?;
    let stage = Stage::ready(&lab, "bench").await?;
    stage.release(&spec(0)?).await?;
    stage.settled("1.0.0").await?;
    let mut measured = Measured::default();
    // The first one warms caches and connections, and is not counted.
    there_and_back(&stage, 0, &mut Measured::default()).await?;
    for number in 1..=2 * RELEASES {
        there_and_back(&stage, number, &mut measured).await?;
        say(format!("  release {number} of {}", 2 * RELEASES));
    }
    figures::spans(
        "verdict recorded to last live Service patched",
        &measured.verdict_to_flip,
        "median at most 15 ms",
    );
    figures::spans(
        "last new pod Ready to last live Service patched",
        &measured.ready_to_flip,
        "median at most 100 ms",
    );
    figures::spans(
        "between the first and the last live Service",
        &measured.gap,
        "median at most 5 ms",
    );
    figures::spans(
        "abort to all EndpointSlices on the old colour",
        &measured.back,
        "p95 at most 100 ms",
    );
    figures::spans(
        "the same, sent as soon as the bake begins",
        &measured.back_at_once,
        "for comparison",
    );
    figures::spans(
        "of that, once the API server had recorded the abort",
        &measured.recorded_to_back,
        "for comparison",
    );
    Ok(())
}

async fn there_and_back(stage: &Stage<'_>, number: u32, into: &mut Measured) -> Result<()> {
    let (old, new) = (Colour::Blue, Colour::Green);
    let trace = Trace::start(stage).await?;
    stage.apply(&spec(number + 1)?)?;
    trace
        .reached(Phase::Baking, LIMIT)
        .await
        .with_context(|| stage.diagnosis())?;
    let (first, last) = trace.flips(new)?;
    into.verdict_to_flip.add(span(trace.verdict()?, last));
    into.ready_to_flip.add(span(trace.all_ready(new)?, last));
    into.gap.add(span(first, last));

    // Every other one is sent at the worst moment, the others at any.
    let is_at_once = number.is_multiple_of(2);
    if !is_at_once {
        sleep(SPREAD * number / (2 * RELEASES)).await;
    }
    let abort = json!({"metadata": {"annotations": {names::ABORT: number.to_string()}}});
    let asked = Instant::now();
    let releases = stage.api::<ExchangeRelease>();
    let params = PatchParams::default();
    releases
        .patch(RELEASE, &params, &Patch::Merge(&abort))
        .await?;
    trace
        .reached(Phase::RolledBack, LIMIT)
        .await
        .with_context(|| stage.diagnosis())?;
    let back = trace.all_show(old)?;
    if is_at_once {
        into.back_at_once.add(span(asked, back));
        into.recorded_to_back.add(span(trace.abort()?, back));
    } else {
        into.back.add(span(asked, back));
    }
    // A colour is made anew when its former pods are gone: the next release would be measured with their end.
    let pods = stage.api::<Pod>();
    let left = ListParams::default().labels(&format!("{}={new}", names::COLOUR));
    until(LIMIT, async || {
        let left = pods.list(&left).await?.items.len();
        Ok((left > 0).then(|| format!("{left} pods of {new} are left")))
    })
    .await
}

/// The same version in another revision each time; with smoke probes only.
fn spec(number: u32) -> Result<Spec> {
    let bake = if number == 0 { "0s" } else { "10m" };
    Spec::version("1.0.0")?
        .with("/spec/verification/journeys", json!([]))?
        .with("/spec/verification/bake", json!(bake))?
        .with("/spec/keepFailed", json!("0s"))?
        .with("/spec/rollbackWindow", json!("0s"))?
        .with_service(
            "user",
            "config",
            json!({"LOG_LEVEL": "info", "BENCH": number.to_string()}),
        )
        .context("the example has changed")
}
