use std::time::Duration;

use changeover_e2e::{Load, while_waiting};

use crate::common::{finish_without_loss, lab_alone, version, with_first_release};

/// Longer than the operator's lease lives.
const OUTAGE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_away_costs_no_request_and_the_operator_comes_back() {
    let (lab, _turn) = lab_alone().await;
    let stage = with_first_release(lab, "outage").await;
    let pods = stage.pod_uids("blue").await.unwrap();
    let load = Load::start(&stage).await.unwrap();

    stage.cluster().stop_api_server().unwrap();
    while_waiting(
        "the API server is away",
        String::new,
        tokio::time::sleep(OUTAGE),
    )
    .await;
    stage.cluster().start_api_server().unwrap();

    assert_eq!(stage.pod_uids("blue").await.unwrap(), pods);
    stage.release(&version("2.0.0")).await.unwrap();
    stage.settled("2.0.0").await.unwrap();
    finish_without_loss(&stage, load).await;
}
