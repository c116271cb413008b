//! The notification service as trade and its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

use anyhow::Result;
use exchange_testkit::{Exchange, Trader};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

async fn deliver(exchange: &Exchange, events: &Value) -> Result<StatusCode> {
    let url = exchange.notification.url("/internal/events");
    Ok(exchange.http.post(url).json(events).send().await?.status())
}

async fn inbox(
    exchange: &Exchange,
    trader: &Trader,
    query: &str,
) -> Result<(StatusCode, Vec<Value>)> {
    let url = exchange
        .notification
        .url(&format!("/v1/notifications{query}"));
    let (status, answer) = exchange.get(url, trader).await?;
    Ok((
        status,
        answer["notifications"]
            .as_array()
            .cloned()
            .unwrap_or_default(),
    ))
}

fn event(user: &str, number: i64) -> Value {
    json!({
        "id": Uuid::new_v4(), "kind": "fill", "userId": user,
        "payload": { "number": number }, "colour": "blue"
    })
}

#[tokio::test]
async fn events_are_kept_once_each_in_order_and_for_their_user_alone() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (ada, bob) = (exchange.sign_up().await?, exchange.sign_up().await?);
    let events: Vec<Value> = (0..5).map(|number| event(&ada.id, number)).collect();
    assert_eq!(
        deliver(&exchange, &json!(events)).await?,
        StatusCode::NO_CONTENT
    );
    // Again, together with one that is new.
    let again = json!([events[4], events[0], event(&ada.id, 5)]);
    assert_eq!(deliver(&exchange, &again).await?, StatusCode::NO_CONTENT);

    let (_, all) = inbox(&exchange, &ada, "").await?;
    let numbers: Vec<i64> = all
        .iter()
        .map(|n| n["payload"]["number"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    assert!(all[0]["createdAt"].as_str().unwrap().ends_with('Z'));

    let third = all[2]["id"].as_str().unwrap();
    let (_, rest) = inbox(&exchange, &ada, &format!("?after={third}&limit=2")).await?;
    let numbers: Vec<i64> = rest
        .iter()
        .map(|n| n["payload"]["number"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [3, 4]);
    assert_eq!(inbox(&exchange, &bob, "").await?.1, Vec::<Value>::new());
    let (status, _) = inbox(&exchange, &bob, &format!("?after={third}")).await?;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    Ok(())
}

#[tokio::test]
async fn a_batch_with_a_bad_event_changes_nothing() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    let mut bad = event(&ada.id, 1);
    bad["kind"] = json!("gossip");
    let status = deliver(&exchange, &json!([event(&ada.id, 0), bad])).await?;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(inbox(&exchange, &ada, "").await?.1, Vec::<Value>::new());
    Ok(())
}
