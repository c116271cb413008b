use changeover_crds::{Colour, DrainEnd, ExchangeRelease, Outcome, Phase};
use changeover_e2e::{Load, Stage, is_settled};

use crate::common::{
    assert_selected, events, finish_without_loss, lab, version, with_first_release,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_release_under_load_loses_nothing_either_way() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "release").await;
    let load = Load::start(&stage).await.unwrap();

    let warm = stage.release(&version("2.0.0")).await.unwrap();
    let baking = warm.status.as_ref().unwrap().phase;
    assert!(
        matches!(baking, Some(Phase::Baking | Phase::Warm)),
        "{baking:?}"
    );
    assert_roles(
        &warm,
        ("2.0.0", Colour::Green),
        Some(("1.0.0", Colour::Blue)),
    );
    assert_selected(&stage, &warm).await;
    let settled = stage.settled("2.0.0").await.unwrap();
    assert_roles(&settled, ("2.0.0", Colour::Green), None);
    let drain = settled.status.as_ref().unwrap().drain.as_ref().unwrap();
    assert_eq!(drain.colour, Colour::Blue);
    // Connections that lie idle in the clients' pools are there for a minute.
    let is_measured = matches!(drain.ended_by, Some(DrainEnd::Quiet | DrainEnd::Deadline));
    assert!(is_measured, "{drain:?}");
    let nothing = |pods: Vec<_>| pods.is_empty();
    assert!(nothing(without_deleted(&stage, "blue").await));

    stage.release(&version("1.0.0")).await.unwrap();
    let back = stage.settled("1.0.0").await.unwrap();
    let report = finish_without_loss(&stage, load).await;

    assert!(is_settled(&back, "1.0.0"));
    assert_roles(&back, ("1.0.0", Colour::Blue), None);
    assert_selected(&stage, &back).await;
    assert_history(&back, &["1.0.0", "2.0.0", "1.0.0"]);
    for version in ["1.0.0", "2.0.0"] {
        assert!(report.answered_by[version] > 0, "{:?}", report.answered_by);
    }
    assert_eq!(report.answered_by.len(), 2, "{:?}", report.answered_by);
    let events = events(&stage).await;
    for reason in ["ReleaseStarted", "Verified", "Switched"] {
        let count = events.iter().filter(|(r, _)| r == reason).count();
        assert_eq!(count, 3, "{reason}: once per release, among {events:?}");
    }
}

fn assert_roles(release: &ExchangeRelease, live: (&str, Colour), warm: Option<(&str, Colour)>) {
    let status = release.status.as_ref().unwrap();
    let role = status.live.as_ref().unwrap();
    assert_eq!((role.version.as_str(), role.colour), live);
    for service in &role.services {
        assert_eq!((service.ready, service.desired), (2, 2), "{}", service.name);
    }
    let role = status.warm.as_ref();
    assert_eq!(role.map(|w| (w.version.as_str(), w.colour)), warm);
    assert_eq!(status.candidate, None);
}

fn assert_history(release: &ExchangeRelease, newest_first: &[&str]) {
    let history = &release.status.as_ref().unwrap().history;
    let versions: Vec<_> = history.iter().map(|entry| entry.version.as_str()).collect();
    assert_eq!(versions, newest_first);
    for entry in history {
        assert_eq!(entry.outcome, Outcome::Live);
        assert!(
            entry.switch_millis.is_some() && entry.skew_millis.is_some(),
            "{entry:?}"
        );
    }
}

/// Pods of a colour that nobody has asked to end.
async fn without_deleted(stage: &Stage<'_>, colour: &str) -> Vec<String> {
    let pods = stage.pods(colour).await.unwrap();
    let staying = pods
        .into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    staying.filter_map(|pod| pod.metadata.name).collect()
}
