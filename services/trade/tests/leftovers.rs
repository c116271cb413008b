//! What becomes of events whose colour is gone.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{Exchange, ServiceProcess, eventually};
use reqwest::StatusCode;
use serde_json::json;
use uuid::Uuid;

async fn tell(process: &ServiceProcess, epoch: u64, live: bool) -> Result<()> {
    let role = json!({ "epoch": epoch, "live": live });
    let put = reqwest::Client::new().put(process.admin("/role"));
    assert_eq!(put.json(&role).send().await?.status(), StatusCode::OK);
    Ok(())
}

/// Writes an event as a pod of a colour leaves it that died before it could deliver it.
async fn leave_behind(exchange: &Exchange, user: &str, colour: &str) -> Result<Uuid> {
    let id = Uuid::new_v4();
    let statement = "INSERT INTO trade.outbox (id, kind, user_id, payload, colour, created_at)
         VALUES ($1, 'fill', $2, '{}', $3, now() - interval '1 minute')";
    sqlx::query(statement)
        .bind(id)
        .bind(user.parse::<Uuid>()?)
        .bind(colour)
        .execute(&mut exchange.postgres.look().await?)
        .await?;
    Ok(id)
}

async fn arrived(exchange: &Exchange, id: Uuid) -> bool {
    let found: i64 =
        sqlx::query_scalar("SELECT count(*) FROM notification.notifications WHERE id = $1")
            .bind(id)
            .fetch_one(&mut exchange.postgres.look().await.unwrap())
            .await
            .unwrap();
    found == 1
}

#[tokio::test]
async fn leftovers_of_a_colour_that_is_gone_fall_to_the_live_one_alone() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    // Blue is there, and not live: what green left behind is none of its business.
    tell(&exchange.trade, 1, false).await?;
    let mut green = exchange.another_trade("green").await?;
    tell(&green, 1, true).await?;
    green.terminate();
    assert!(green.exit(Duration::from_secs(20)).await?.success());
    let left = leave_behind(&exchange, &ada.id, "green").await?;
    // Blue delivers what is its own after the leftover was there to be claimed.
    for _ in 0..2 {
        let own = leave_behind(&exchange, &ada.id, "blue").await?;
        assert!(
            eventually(Duration::from_secs(10), async || arrived(&exchange, own)
                .await)
            .await
        );
    }
    assert!(!arrived(&exchange, left).await, "blue is not live");

    tell(&exchange.trade, 2, true).await?;
    assert!(
        eventually(Duration::from_secs(10), async || arrived(&exchange, left)
            .await)
        .await
    );
    Ok(())
}
