//! What the operator itself takes: at rest, per release as services are added, and with many releases at
//! once. A real control plane; pods' probes are answered as in the api-server tier. Nodes are played as there
//! where requests are counted, and by kwok for the crowd.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use changeover_apiserver_tests::{Operator, Sandbox, exchange};
use changeover_crds::{ExchangeRelease, Phase};
use changeover_e2e::{say, while_waiting};
use futures::{TryStreamExt, pin_mut};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Patch, PatchParams};
use kube::runtime::wait::await_condition;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::figures;
use crate::floor::Mould;

const RELEASES: usize = 200;
const REST: Duration = Duration::from_secs(30);
/// Between the first release of a sandbox and the one that is counted.
const SETTLE: Duration = Duration::from_secs(1);
/// A crowd that takes longer is stuck.
const LIMIT: Duration = Duration::from_secs(420);
/// Between two words on progress.
const TELL: Duration = Duration::from_secs(5);
const REQUESTS: &str = "changeover_api_requests_total";

/// All of it.
///
/// # Errors
/// If a release does not become live.
pub async fn measure() -> Result<()> {
    requests_per_release().await?;
    crowd().await
}

/// The growth with the number of services.
async fn requests_per_release() -> Result<()> {
    for services in [1, 2, 4, 8] {
        let sandbox = Sandbox::new().await?;
        let operator = sandbox.operator("one")?;
        apply(&sandbox, &release("exchange", "1.0.0", services)).await?;
        all_in(&sandbox, Phase::Live, "1.0.0", 1).await?;
        let counts = [
            "status", "create", "apply", "stamp", "reclaim", "flip", "delete",
        ];
        let count = || -> Result<(f64, f64)> {
            let mut writes = 0.0;
            for verb in counts {
                writes += operator.metric(REQUESTS, &[&format!("verb=\"{verb}\"")])?;
            }
            Ok((writes, operator.metric(REQUESTS, &[])?))
        };
        // What was read for the first release is gone on from for half a second.
        sleep(SETTLE).await;
        let before = count()?;
        apply(&sandbox, &release("exchange", "2.0.0", services)).await?;
        all_in(&sandbox, Phase::Warm, "2.0.0", 1).await?;
        let after = count()?;
        let (writes, all) = (after.0 - before.0, after.1 - before.1);
        figures::line(
            &format!("API requests of a release of {services} service(s)"),
            &format!("{writes} writes, {} reads", all - writes),
            "linear",
        );
        sandbox.finish().await?;
    }
    Ok(())
}

/// Many at once.
async fn crowd() -> Result<()> {
    let sandbox = Sandbox::on_kwok().await?;
    let operator = sandbox.operator("one")?;
    operator.await_leading().await?;
    let name = |number: usize| format!("exchange-{number}");
    // A first one, to see what resting costs.
    apply(&sandbox, &release(&name(0), "1.0.0", 3)).await?;
    all_in(&sandbox, Phase::Live, "1.0.0", 1).await?;
    let spent = operator.cpu_seconds()?;
    while_waiting("the operator rests", String::new, tokio::time::sleep(REST)).await;
    let share = (operator.cpu_seconds()? - spent) / REST.as_secs_f64() * 100.0;
    let memory = operator.memory_mb()?;
    figures::line(
        "operator at rest, CPU of one core",
        &format!("{share:.2} %"),
        "under 0.1 %",
    );
    figures::line(
        "operator at rest, resident memory",
        &format!("{memory:.1} MB"),
        "at most 20 MB",
    );

    let spent = operator.cpu_seconds()?;
    let started = Instant::now();
    for number in 1..=RELEASES {
        apply(&sandbox, &release(&name(number), "1.0.0", 3)).await?;
    }
    all_in(&sandbox, Phase::Live, "1.0.0", RELEASES + 1).await?;
    let took = started.elapsed().as_secs_f64();
    report(&operator, "first installs", took, spent)?;
    let mould = Mould::of(&sandbox, &name(1)).await?;
    drop(operator);
    let namespaces: Api<Namespace> = Api::all(sandbox.api::<Pod>().into_client());
    let namespace = sandbox.namespace.clone();
    sandbox.finish().await?;
    // What goes is work for the control plane as well.
    let gone = await_condition(namespaces, &namespace, |n: Option<&Namespace>| n.is_none());
    while_waiting("the crowd goes", String::new, timeout(LIMIT, gone)).await??;
    let took = mould.fill(RELEASES).await?;
    figures::line(
        "their objects, made without an operator: time",
        &format!("{took:.0} s"),
        "for comparison",
    );
    Ok(())
}

fn report(operator: &Operator, what: &str, took: f64, spent: f64) -> Result<()> {
    let cpu = operator.cpu_seconds()? - spent;
    let memory = operator.peak_memory_mb()?;
    let what = format!("{RELEASES} {what} of 3 services at once");
    let figure = format!("{took:.0} s, {cpu:.1} s, {memory:.0} MB");
    figures::line(
        &format!("{what}: time, CPU, memory"),
        &figure,
        "at most 60 s, 6 s, 60 MB",
    );
    Ok(())
}

async fn apply(sandbox: &Sandbox, release: &Value) -> Result<()> {
    let name = release.pointer("/metadata/name").and_then(Value::as_str);
    let params = PatchParams::apply("bench").force();
    let releases = sandbox.api::<ExchangeRelease>();
    let (name, patch) = (name.context("no name")?, Patch::Apply(release));
    releases.patch(name, &params, &patch).await?;
    Ok(())
}

/// Waits until so many releases are in a phase with a version live. A watch tells: to list them all each
/// second would be a load of its own.
async fn all_in(sandbox: &Sandbox, phase: Phase, version: &str, wanted: usize) -> Result<()> {
    let (known, writer) = reflector::store();
    let releases = sandbox.api::<ExchangeRelease>();
    let changes = watcher(releases, watcher::Config::default()).default_backoff();
    let changes = changes.reflect(writer).touched_objects();
    pin_mut!(changes);
    let is_there = |release: &ExchangeRelease| {
        let status = release.status.as_ref();
        status.is_some_and(|s| {
            s.phase == Some(phase) && s.live.as_ref().is_some_and(|l| l.version == version)
        })
    };
    let there = || known.state().iter().filter(|r| is_there(r)).count();
    let mut told = Instant::now();
    let follow = async {
        while changes.try_next().await?.is_some() {
            let there = there();
            if there == wanted {
                return Ok(());
            }
            if wanted > 1 && told.elapsed() > TELL {
                say(format!("  {there} of {wanted} are {phase:?}"));
                told = Instant::now();
            }
        }
        bail!("the watch of releases ended")
    };
    timeout(LIMIT, follow).await.unwrap_or_else(|_| {
        let all = known.state();
        let late = all.iter().find(|release| !is_there(release));
        let late = late.map(|release| how_it_is(release)).unwrap_or_default();
        bail!("{} of {wanted} are {phase:?}; not so {late}", there())
    })
}

/// A release's name, phase and what it says of itself.
fn how_it_is(release: &ExchangeRelease) -> String {
    let status = release.status.as_ref();
    let said = status.iter().flat_map(|s| &s.conditions);
    let said: Vec<&str> = said.map(|c| c.message.as_str()).collect();
    let phase = status.and_then(|s| s.phase);
    format!("{}: {phase:?}; {}", release.name_any(), said.join("; "))
}

/// A release of so many services with one pod each.
fn release(name: &str, version: &str, services: usize) -> Value {
    let mut release = exchange(version);
    let one = release.pointer("/spec/services/0");
    let one = one.and_then(Value::as_object).cloned().unwrap_or_default();
    let service = |number: usize| {
        let mut service = one.clone();
        service.insert("name".to_owned(), json!(format!("s{number}")));
        service.insert("replicas".to_owned(), json!(1));
        // Nobody answers there.
        service.remove("adminPort");
        Value::Object(service)
    };
    let services: Value = (0..services).map(service).collect();
    for (place, value) in [
        ("/spec/services", services),
        ("/metadata/name", json!(name)),
        // A crowd is slow, and not to be judged for it.
        ("/spec/progressDeadline", json!("10m")),
        ("/spec/switchDeadline", json!("5m")),
        ("/spec/verification/timeout", json!("5m")),
    ] {
        if let Some(slot) = release.pointer_mut(place) {
            *slot = value;
        }
    }
    release
}
