//! How fast clients are moved, and moved back: real pods, the operator as Helm installs it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use changeover_apiserver_tests::until;
use changeover_crds::{Colour, ExchangeRelease, Phase, names};
use changeover_e2e::{Lab, RELEASE, Spec, Stage, say};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use crate::figures::{self, Spans};
use crate::trace::{Trace, span};

/// Of the cluster.
const CLUSTER: &str = "changeover-bench";
const RELEASES: u32 = 20;
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Measured {
    verdict_to_flip: Spans,
    ready_to_flip: Spans,
    gap: Spans,
    back: Spans,
    recorded_to_back: Spans,
}

/// Releases again and again, and aborts each in its bake.
///
/// # Errors
/// If one does not become live, or does not go back.
pub async fn measure() -> Result<()> {
    let lab = Lab::up(CLUSTER)?;
    let stage = Stage::ready(&lab, "bench").await?;
    stage.release(&spec(0)?).await?;
    stage.settled("1.0.0").await?;
    let mut measured = Measured::default();
    let trace = Trace::start(&stage);
    // The first one warms caches and connections, and is not counted.
    for number in 1..=RELEASES + 1 {
        let mut discarded = Measured::default();
        let into = if number == 1 {
            &mut discarded
        } else {
            &mut measured
        };
        there_and_back(&stage, &trace, number, into).await?;
        say(format!("  release {number} of {}", RELEASES + 1));
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
        "of that, once the API server had recorded the abort",
        &measured.recorded_to_back,
        "for comparison",
    );
    Ok(())
}

async fn there_and_back(
    stage: &Stage<'_>,
    trace: &Trace,
    number: u32,
    into: &mut Measured,
) -> Result<()> {
    let (old, new) = (Colour::Blue, Colour::Green);
    stage.apply(&spec(number)?)?;
    let switched = |release: &ExchangeRelease| phase(release) == Some(Phase::Baking);
    stage.until("the switch", LIMIT, switched).await?;
    let (first, last) = trace.flips(new)?;
    into.verdict_to_flip.add(span(trace.verdict()?, last));
    into.ready_to_flip.add(span(trace.all_ready(new)?, last));
    into.gap.add(span(first, last));

    let abort = json!({"metadata": {"annotations": {names::ABORT: number.to_string()}}});
    let asked = Instant::now();
    let releases = stage.api::<ExchangeRelease>();
    let params = PatchParams::default();
    releases
        .patch(RELEASE, &params, &Patch::Merge(&abort))
        .await?;
    let is_back = |release: &ExchangeRelease| phase(release) == Some(Phase::RolledBack);
    stage.until("the way back", LIMIT, is_back).await?;
    let back = trace.all_show(old)?;
    into.back.add(span(asked, back));
    into.recorded_to_back.add(span(trace.abort()?, back));
    // A colour is made anew when its former pods are gone: the next release would be measured with their end.
    let pods = stage.api::<Pod>();
    let left = ListParams::default().labels(&format!("{}={new}", names::COLOUR));
    until(LIMIT, async || {
        let left = pods.list(&left).await?.items.len();
        Ok((left > 0).then(|| format!("{left} pods of {new} are left")))
    })
    .await
}

fn phase(release: &ExchangeRelease) -> Option<Phase> {
    release.status.as_ref()?.phase
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
