//! Which colour is live, as the operator tells it to each pod.

use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{Exchange, ServiceProcess, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn tell(process: &ServiceProcess, epoch: u64, live: bool) -> Result<StatusCode> {
    let role = json!({ "epoch": epoch, "live": live });
    let put = reqwest::Client::new().put(process.admin("/role"));
    Ok(put.json(&role).send().await?.status())
}

async fn role(process: &ServiceProcess) -> Result<Value> {
    Ok(reqwest::get(process.admin("/role")).await?.json().await?)
}

#[tokio::test]
async fn a_pod_keeps_its_role_over_a_restart_and_an_older_epoch_is_refused() -> Result<()> {
    let exchange = Exchange::start().await?;
    let blue = &exchange.notification;
    assert_eq!(role(blue).await?, json!({ "epoch": 0, "live": false }));
    assert_eq!(tell(blue, 4, true).await?, StatusCode::OK);
    assert_eq!(tell(blue, 4, true).await?, StatusCode::OK, "said twice");
    assert_eq!(tell(blue, 4, false).await?, StatusCode::CONFLICT);
    assert_eq!(tell(blue, 3, false).await?, StatusCode::CONFLICT);
    assert_eq!(role(blue).await?, json!({ "epoch": 4, "live": true }));

    let restarted = exchange.another_notification("blue").await?;
    let knows = async || {
        role(&restarted)
            .await
            .is_ok_and(|role| role["live"] == true)
    };
    assert!(eventually(Duration::from_secs(5), knows).await);
    assert_eq!(tell(&restarted, 3, false).await?, StatusCode::CONFLICT);
    Ok(())
}

#[tokio::test]
async fn a_colour_that_was_not_told_learns_from_the_flip_of_another() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (blue, green) = (
        &exchange.notification,
        exchange.another_notification("green").await?,
    );
    assert_eq!(tell(blue, 4, true).await?, StatusCode::OK);
    assert_eq!(tell(&green, 5, true).await?, StatusCode::OK);
    let left = async || role(blue).await.is_ok_and(|role| role["live"] == false);
    assert!(eventually(Duration::from_secs(5), left).await);
    // And back again.
    assert_eq!(tell(&green, 6, false).await?, StatusCode::OK);
    assert_eq!(tell(blue, 6, true).await?, StatusCode::OK);
    assert_eq!(role(blue).await?, json!({ "epoch": 6, "live": true }));
    assert_eq!(role(&green).await?, json!({ "epoch": 6, "live": false }));
    Ok(())
}

#[tokio::test]
async fn nonsense_is_refused() -> Result<()> {
    let exchange = Exchange::start().await?;
    let put = |body: &'static str| {
        let put = reqwest::Client::new().put(exchange.notification.admin("/role"));
        put.header("content-type", "application/json")
            .body(body)
            .send()
    };
    for body in [
        "{}",
        "nonsense",
        r#"{"epoch":-1,"live":true}"#,
        r#"{"epoch":1,"live":true,"x":1}"#,
    ] {
        assert_eq!(put(body).await?.status(), StatusCode::BAD_REQUEST, "{body}");
    }
    let huge = put(r#"{"epoch":18446744073709551615,"live":true}"#).await?;
    assert_eq!(huge.status(), StatusCode::UNPROCESSABLE_ENTITY);
    Ok(())
}
