//! What is held about one person, and what is left after an erasure.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use anyhow::Result;
use exchange_platform::Subject;
use exchange_testkit::{Exchange, Trader};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use support::*;

async fn all_pages(exchange: &Exchange, trader: &Trader, of: &str) -> Result<Vec<Value>> {
    let mut entries = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/internal/accounts/{of}/export?limit=3{after}");
        let (status, page) = exchange.get(exchange.trade.url(&path), trader).await?;
        assert_eq!(status, StatusCode::OK, "{page}");
        entries.extend(page["entries"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(entries),
        }
    }
}

#[tokio::test]
async fn an_export_holds_everything_in_order() -> Result<()> {
    let exchange = Exchange::start().await?;
    let trade = &exchange.trade;
    let ada = trader_with(&exchange, &[("EUR", "100"), ("USD", "5")]).await?;
    let bob = trader_with(&exchange, &[("BTC", "1")]).await?;
    let (_, bid) = post(
        trade,
        "/v1/orders",
        &ada,
        &order("BTC-EUR", "buy", Some("10"), "1"),
    )
    .await?;
    post(
        trade,
        "/v1/orders",
        &bob,
        &order("BTC-EUR", "sell", Some("10"), "0.5"),
    )
    .await?;
    cancel(trade, &ada, &bid["id"]).await?;
    post(
        trade,
        "/v1/withdrawals",
        &ada,
        &json!({ "asset": "USD", "amount": "5" }),
    )
    .await?;

    let entries = all_pages(&exchange, &ada, &ada.id).await?;
    let kinds: Vec<&Value> = entries.iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["deposit", "deposit", "order", "fill", "withdrawal"]);
    assert_eq!(
        entries[2]["details"],
        json!({ "market": "BTC-EUR", "side": "buy", "type": "limit", "price": "10",
            "quantity": "1", "filled": "0.5", "cancelled": "0.5" })
    );
    assert_eq!(entries[3]["details"]["orderId"], bid["id"]);
    let text = serde_json::to_string(&entries)?;
    assert!(!text.contains(&bob.id), "nothing of anyone else");

    // The same for a service that asks on the person's behalf.
    let mut service = bob.clone();
    let subject = Subject {
        user: Uuid::new_v4(),
        roles: vec!["service".to_owned()],
        ..Subject::default()
    };
    service.token = exchange.token(&subject, 60).await?;
    assert_eq!(all_pages(&exchange, &service, &ada.id).await?, entries);
    Ok(())
}

#[tokio::test]
async fn an_erasure_in_the_middle_of_trading_is_complete_in_both_colours() -> Result<()> {
    let exchange = Exchange::start().await?;
    let green = exchange.another_trade("green").await?;
    let ada = trader_with(&exchange, &[("EUR", "100000")]).await?;
    let bob = trader_with(&exchange, &[("BTC", "100")]).await?;
    let erasure = format!("/internal/accounts/{}/erasure", ada.id);
    let trades = async |colour: &exchange_testkit::ServiceProcess| -> Result<usize> {
        let mut taken = 0;
        for number in 0..60 {
            let (trader, side) = if number % 4 == 3 {
                (&bob, "sell")
            } else {
                (&ada, "buy")
            };
            let body = order("BTC-EUR", side, Some("10"), "0.1");
            let (status, problem) = post(colour, "/v1/orders", trader, &body).await?;
            match status {
                StatusCode::CREATED => taken += 1,
                StatusCode::FORBIDDEN => assert_eq!(problem["type"], "/problems/erased"),
                _ => anyhow::bail!("{status} {problem}"),
            }
        }
        Ok(taken)
    };
    let erase = async || -> Result<()> {
        let begun = async || {
            let mut database = exchange.postgres.look().await.unwrap();
            let fills = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM trade.fills");
            fills.fetch_one(&mut database).await.unwrap() > 2
        };
        assert!(exchange_testkit::eventually(std::time::Duration::from_secs(20), begun).await);
        let (status, answer) = post(&green, &erasure, &ada, &json!({})).await?;
        assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
        Ok(())
    };
    let (blue, other, erased) = tokio::join!(trades(&exchange.trade), trades(&green), erase());
    erased?;
    let taken = blue? + other?;
    assert!(taken < 120, "the erasure came in between");

    let mut database = exchange.postgres.look().await?;
    let id = Uuid::parse_str(&ada.id)?;
    for (left, statement) in [
        (
            "orders in a book",
            "SELECT count(*) FROM trade.orders WHERE user_id = $1 AND filled < quantity",
        ),
        (
            "keys",
            "SELECT count(*) FROM trade.idempotency_keys WHERE user_id = $1",
        ),
        (
            "events",
            "SELECT count(*) FROM trade.outbox WHERE user_id = $1",
        ),
        (
            "reserved",
            "SELECT count(*) FROM trade.balances WHERE user_id = $1 AND reserved <> 0",
        ),
    ] {
        let count: i64 = sqlx::query_scalar(statement)
            .bind(id)
            .fetch_one(&mut database)
            .await?;
        assert_eq!(count, 0, "{left}");
    }
    let kept: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM trade.fills f JOIN trade.orders o ON o.id = f.maker_order
             OR o.id = f.taker_order WHERE o.user_id = $1",
    )
    .bind(id)
    .fetch_one(&mut database)
    .await?;
    assert!(kept > 2, "trades stay under the pseudonym");
    let body = json!({ "asset": "EUR", "amount": "1" });
    for path in ["/v1/deposits", "/v1/withdrawals"] {
        let (status, _) = post(&exchange.trade, path, &ada, &body).await?;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    // Twice is harmless.
    let (status, _) = post(&exchange.trade, &erasure, &ada, &json!({})).await?;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_books_are_exact(&exchange).await
}
