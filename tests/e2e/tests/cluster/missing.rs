//! Things that are not there: a database, an image, room in a quota. Each is told, harms nothing, and is overcome without a person.

use changeover_crds::{ExchangeRelease, Phase};
use changeover_e2e::{Load, Stage, is_live, is_rejected, message};
use serde_json::json;

use crate::common::{RELEASE, finish_without_loss, lab, version, with_first_release};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_told_and_the_release_goes_on_once_it_is_there() {
    let (lab, _turn) = lab().await;
    let stage = Stage::empty(lab, "no-database").await.unwrap();
    stage.install_operator().unwrap();
    stage.apply(&version("1.0.0")).unwrap();
    let told = |release: &ExchangeRelease| {
        let message = message(release);
        message.contains("DATABASE_URL") && message.contains("pod exchange-")
    };
    stage
        .until("the missing database to be told", RELEASE, told)
        .await
        .unwrap();
    stage.start_database().unwrap();
    stage
        .until("release 1.0.0", RELEASE, |r| is_live(r, "1.0.0"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_does_not_exist_is_named_and_clients_notice_nothing() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "no-image").await;
    let before = stage.pod_uids("blue").await.unwrap();
    let load = Load::start(&stage).await.unwrap();
    let image = "localhost/exchange-trade:none";
    let spec = version("2.0.0")
        .with_service("trade", "image", json!(image))
        .and_then(|spec| spec.with("/spec/switchDeadline", json!("10s")))
        .and_then(|spec| spec.with("/spec/verification/timeout", json!("10s")))
        .and_then(|spec| spec.with("/spec/progressDeadline", json!("12s")))
        .unwrap();
    stage.apply(&spec).unwrap();
    let names_it = |text: &str| text.contains(image) && text.contains("pod exchange-trade-green-");
    stage
        .until("the missing image to be told", RELEASE, |release| {
            let phase = release.status.as_ref().and_then(|status| status.phase);
            phase == Some(Phase::Preparing) && names_it(&message(release))
        })
        .await
        .unwrap();
    let rejected = stage
        .until("2.0.0 to be rejected", RELEASE, |r| {
            is_rejected(r, "2.0.0") && message(r).contains("1.0.0 stays live")
        })
        .await
        .unwrap();
    assert!(names_it(&message(&rejected)), "{}", message(&rejected));
    assert_eq!(
        rejected.status.unwrap().rejected.unwrap().reason,
        "ProgressDeadlineExceeded"
    );
    assert_eq!(stage.pod_uids("blue").await.unwrap(), before);

    stage.release(&version("2.0.0")).await.unwrap();
    finish_without_loss(&stage, load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_without_room_is_told_and_the_release_goes_on_once_there_is() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "quota").await;
    let load = Load::start(&stage).await.unwrap();
    // Six pods of the exchange, one of PostgreSQL, two of the operator.
    stage
        .kubectl(&["create", "quota", "full", "--hard=pods=9"])
        .unwrap();
    stage.apply(&version("2.0.0")).unwrap();
    let told = |release: &ExchangeRelease| message(release).contains("exceeded quota: full");
    stage
        .until("the full quota to be told", RELEASE, told)
        .await
        .unwrap();
    stage.kubectl(&["delete", "quota", "full"]).unwrap();
    stage
        .until("release 2.0.0", RELEASE, |r| is_live(r, "2.0.0"))
        .await
        .unwrap();
    finish_without_loss(&stage, load).await;
}
