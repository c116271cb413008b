use changeover_crds::Outcome;
use changeover_e2e::{Load, is_live, is_rejected, message};
use serde_json::json;

use crate::common::{
    RELEASE, assert_selected, events, finish_without_loss, lab, version, with_first_release,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_its_probe_never_serves_a_client() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "broken").await;
    let before = stage.pod_uids("blue").await.unwrap();
    let load = Load::start(&stage).await.unwrap();

    stage.apply(&version("3.0.0")).unwrap();
    let release = stage
        .until("3.0.0 to be rejected", RELEASE, |r| {
            is_rejected(r, "3.0.0") && message(r).contains("1.0.0 stays live")
        })
        .await
        .unwrap();
    let report = finish_without_loss(&stage, load).await;

    let status = release.status.clone().unwrap();
    let rejected = status.rejected.unwrap();
    assert_eq!(rejected.reason, "SmokeProbeFailed");
    let pods = stage.pods("green").await.unwrap();
    let names: Vec<_> = pods
        .into_iter()
        .filter_map(|pod| pod.metadata.name)
        .collect();
    let named =
        |name: &String| name.starts_with("exchange-user-green") && rejected.message.contains(name);
    assert!(
        names.iter().any(named),
        "no pod is named: {}",
        rejected.message
    );
    for part in [
        "user: pod",
        "GET /version",
        r#"expected $.version to be "3.0.0", got ""#,
    ] {
        assert!(rejected.message.contains(part), "{}", rejected.message);
    }
    let condition = message(&release);
    assert!(condition.contains(&rejected.message), "{condition}");
    let ready = status
        .conditions
        .iter()
        .find(|c| c.type_ == "Ready")
        .unwrap();
    assert_eq!(
        (ready.status.as_str(), ready.reason.as_str()),
        ("False", "SmokeProbeFailed")
    );
    assert_eq!(status.history[0].outcome, Outcome::Rejected);

    assert_eq!(report.answered_by.keys().collect::<Vec<_>>(), ["1.0.0"]);
    assert_eq!(stage.pod_uids("blue").await.unwrap(), before);
    assert_selected(&stage, &release).await;

    stage.apply(&version("1.0.0")).unwrap();
    stage
        .until("peace after 1.0.0 is asked for again", RELEASE, |r| {
            is_live(r, "1.0.0")
        })
        .await
        .unwrap();
    assert_eq!(stage.pod_uids("blue").await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_its_journey_never_serves_a_client() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "journey").await;
    let load = Load::start(&stage).await.unwrap();

    let last = "/spec/verification/journeys/0/steps/8";
    let spec = version("2.0.0").with(
        &format!("{last}/expect/json"),
        json!({"$.notifications[0].kind": "refund"}),
    );
    let spec = spec.and_then(|spec| spec.with(&format!("{last}/eventually"), json!("1s")));
    stage.apply(&spec.unwrap()).unwrap();
    let release = stage
        .until("2.0.0 to be rejected", RELEASE, |r| is_rejected(r, "2.0.0"))
        .await
        .unwrap();
    let report = finish_without_loss(&stage, load).await;

    let rejected = release.status.clone().unwrap().rejected.unwrap();
    assert_eq!(rejected.reason, "JourneyFailed");
    // The step, what was expected, and of what came back the status code and a hash of the body.
    for part in [
        "sign-up-and-trade",
        "notification GET /v1/notifications",
        r#"expected $.notifications[0].kind to be "refund""#,
        "got status 200, body sha256 ",
    ] {
        assert!(rejected.message.contains(part), "{}", rejected.message);
    }
    assert!(!rejected.message.contains("fill"), "{}", rejected.message);
    let told = events(&stage).await;
    let is_it = |(reason, note): &(String, String)| {
        reason == "Rejected" && note.contains(&rejected.message)
    };
    assert!(told.iter().any(is_it), "{told:?}");
    assert_eq!(report.answered_by.keys().collect::<Vec<_>>(), ["1.0.0"]);
    assert_selected(&stage, &release).await;
}
