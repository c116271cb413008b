//! What the tests share.

use std::sync::OnceLock;
use std::time::Duration;

use changeover_crds::{Colour, ExchangeRelease, Outcome, Phase};
use changeover_e2e::{Lab, Load, SERVICES, Spec, Stage, flaws};
use changeover_figures::Figures;
use changeover_traffic::Report;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use serde_json::json;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Longest time that a release may take on a busy machine.
pub const RELEASE: Duration = Duration::from_secs(120);

static LAB: OnceLock<Lab> = OnceLock::new();
static TURN: RwLock<()> = RwLock::const_new(());

/// The cluster, shared with the test beside: each has a namespace of its own.
pub async fn lab() -> (&'static Lab, RwLockReadGuard<'static, ()>) {
    (cluster(), TURN.read().await)
}

/// The cluster for one test alone, which stops a part of it.
pub async fn lab_alone() -> (&'static Lab, RwLockWriteGuard<'static, ()>) {
    (cluster(), TURN.write().await)
}

fn cluster() -> &'static Lab {
    LAB.get_or_init(|| {
        let name = std::env::var("CHANGEOVER_CLUSTER");
        Lab::up(name.as_deref().unwrap_or("changeover-test")).unwrap()
    })
}

/// A stage on which 1.0.0 is live.
pub async fn with_first_release<'a>(lab: &'a Lab, purpose: &str) -> Stage<'a> {
    let stage = Stage::ready(lab, purpose).await.unwrap();
    stage.release(&version("1.0.0")).await.unwrap();
    stage
}

pub fn version(version: &str) -> Spec {
    Spec::version(version).unwrap()
}

/// A version that is watched for longer than a test takes.
pub fn watched(name: &str) -> Spec {
    let spec = version(name).with("/spec/verification/bake", json!("2m"));
    spec.unwrap()
}

/// A stage on which 2.0.0 bakes while clients trade, and the uids of the pods that served before.
pub async fn baking<'a>(lab: &'a Lab, purpose: &str) -> (Stage<'a>, Vec<String>, Load) {
    let stage = with_first_release(lab, purpose).await;
    let before = stage.pod_uids("blue").await.unwrap();
    let load = Load::start(&stage).await.unwrap();
    stage.apply(&watched("2.0.0")).unwrap();
    until(&stage, Phase::Baking, "2.0.0").await;
    (stage, before, load)
}

/// Waits until clients are back, as [`assert_back`] says, and have lost nothing on the way there and back; the message.
pub async fn back_without_loss(
    stage: &Stage<'_>,
    load: Load,
    why: &str,
    pods: &[String],
) -> String {
    let back = until(stage, Phase::RolledBack, "1.0.0").await;
    let report = finish_without_loss(stage, load).await;
    assert!(report.answered_by["2.0.0"] > 0, "{:?}", report.answered_by);
    assert_back(stage, &back, why, pods).await
}

/// So many pods of a service on green become unready, and serve clients as before: nobody reaches their admin port.
/// Their names.
pub async fn make_unready(stage: &Stage<'_>, service: &str, count: usize) -> Vec<String> {
    let containers = stage.containers(service, "green").await.unwrap();
    let some = &containers[..count];
    for (_, id) in some {
        stage.cluster().close_port(id, 9090).unwrap();
    }
    some.iter().map(|(pod, _)| pod.clone()).collect()
}

/// Ready pods of a service of the live colour.
pub fn ready_of(release: &ExchangeRelease, service: &str) -> Option<i32> {
    let live = release.status.as_ref()?.live.as_ref()?;
    let service = live.services.iter().find(|s| s.name == service)?;
    Some(service.ready)
}

/// 1.0.0 serves from the pods that it had all the time, and 2.0.0 is rejected for this reason; the message.
pub async fn assert_back(
    stage: &Stage<'_>,
    back: &ExchangeRelease,
    why: &str,
    pods: &[String],
) -> String {
    let status = back.status.clone().unwrap();
    let live = status.live.unwrap();
    let found = (live.version.as_str(), live.colour);
    assert_eq!(found, ("1.0.0", Colour::Blue));
    let rejected = status.rejected.unwrap();
    let found = (rejected.version.as_str(), rejected.reason.as_str());
    assert_eq!(found, ("2.0.0", why));
    assert_eq!(status.history[0].outcome, Outcome::RolledBack);
    assert_eq!(stage.pod_uids("blue").await.unwrap(), pods);
    assert_selected(stage, back).await;
    rejected.message
}

/// Waits until the release is in a phase with this version live.
pub async fn until(stage: &Stage<'_>, phase: Phase, live: &str) -> ExchangeRelease {
    let is = |r: &ExchangeRelease| {
        let status = r.status.as_ref();
        let role = status.and_then(|s| s.live.as_ref());
        status.and_then(|s| s.phase) == Some(phase) && role.is_some_and(|l| l.version == live)
    };
    let what = format!("{phase:?} with {live} live");
    stage.until(&what, RELEASE, is).await.unwrap()
}

/// Waits until user is switched to a colour, and trade, whose Service is held, is not.
pub async fn half_switched(stage: &Stage<'_>, colour: Colour) {
    let flipped = |service: &Service| selected_colour(service) == Some(colour.as_str());
    let user = stage.until_object("exchange-user", "user to be switched", flipped);
    user.await.unwrap();
    let trade = stage.live_service("trade").await.unwrap();
    let other = colour.other();
    assert_eq!(
        selected_colour(&trade),
        Some(other.as_str()),
        "the switch was to be held in the middle"
    );
}

fn selected_colour(service: &Service) -> Option<&str> {
    let selector = service.spec.as_ref()?.selector.as_ref()?;
    selector.get("changeover.dev/colour").map(String::as_str)
}

/// Annotates the release, as people do: `abort=one`.
pub fn annotate(stage: &Stage<'_>, what: &str) {
    let what = format!("changeover.dev/{what}");
    let arguments = ["annotate", "--overwrite", "exr", "exchange", &what];
    stage.kubectl(&arguments).unwrap();
}

/// What people were told about the release: reasons and notes.
pub async fn events(stage: &Stage<'_>) -> Vec<(String, String)> {
    let events = stage.api::<Event>();
    let events = events.list(&ListParams::default()).await.unwrap().items;
    let about = |event: &Event| event.regarding.as_ref().and_then(|r| r.kind.clone());
    let ours = events.into_iter();
    let ours = ours.filter(|event| about(event).as_deref() == Some("ExchangeRelease"));
    ours.map(|e| (e.reason.unwrap_or_default(), e.note.unwrap_or_default()))
        .collect()
}

/// Ends the traffic; every request must have had its one right answer.
pub async fn finish_without_loss(stage: &Stage<'_>, load: Load) -> Report {
    let report = load.finish().await.unwrap();
    let flaws = flaws(&report);
    assert!(
        flaws.is_empty(),
        "{}\n{}",
        flaws.join("\n"),
        stage.diagnosis()
    );
    tell(stage, &report).unwrap();
    report
}

/// What `make test` prints at its end.
fn tell(stage: &Stage<'_>, report: &Report) -> std::io::Result<()> {
    let (purpose, _) = stage.namespace().rsplit_once('-').unwrap_or_default();
    let mut figures = Figures::of("cluster", purpose);
    let ledger = report.ledger.clone().unwrap_or_default();
    let streams = report.streams.clone().unwrap_or_default();
    figures.put("requests", report.total.sent);
    figures.put("started late", report.late);
    figures.put("failed", report.total.failed);
    figures.put("lost", report.total.lost);
    figures.put("duplicated", report.total.duplicated);
    figures.put("mixed", report.total.mixed);
    figures.put("orders in the ledger", ledger.accepted_orders);
    figures.put("events in streams", streams.events);
    figures.put("gaps", streams.gaps);
    let time = report.ended_at.duration_since(report.started_at);
    figures.took(time.unsigned_abs());
    figures.tell()
}

/// Every live Service selects this colour, and carries the epoch of the last switch.
pub async fn assert_selected(stage: &Stage<'_>, release: &ExchangeRelease) {
    let status = release.status.clone().unwrap();
    let (live, journal) = (status.live.unwrap(), status.switch.unwrap());
    assert!(journal.finished_at.is_some(), "{journal:?}");
    assert_eq!(journal.to, live.colour);
    for service in SERVICES {
        let object = stage.live_service(service).await.unwrap();
        let selector = object.spec.unwrap().selector.unwrap();
        let short: String = live
            .revision
            .trim_start_matches("v1:")
            .chars()
            .take(10)
            .collect();
        for (key, value) in [
            ("release", "exchange"),
            ("service", service),
            ("colour", live.colour.as_str()),
            ("revision", &short),
        ] {
            assert_eq!(selector[&format!("changeover.dev/{key}")], value);
        }
        assert_eq!(selector.len(), 4, "{selector:?}");
        let annotations = object.metadata.annotations.unwrap();
        assert_eq!(
            annotations["changeover.dev/epoch"],
            journal.epoch.to_string()
        );
    }
}
