//! The check of the books, markets of journeys, and what is removed with time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{Exchange, eventually};
use reqwest::StatusCode;
use serde_json::json;
use uuid::Uuid;

use support::*;

#[tokio::test]
async fn the_check_finds_money_that_came_from_nowhere() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = trader_with(&exchange, &[("EUR", "100.5"), ("BTC", "2")]).await?;
    let bob = trader_with(&exchange, &[("EUR", "50")]).await?;
    let trade = &exchange.trade;
    post(
        trade,
        "/v1/orders",
        &ada,
        &order("BTC-EUR", "sell", Some("30"), "2"),
    )
    .await?;
    post(
        trade,
        "/v1/orders",
        &bob,
        &order("BTC-EUR", "buy", Some("30"), "1"),
    )
    .await?;
    post(
        trade,
        "/v1/withdrawals",
        &ada,
        &json!({ "asset": "EUR", "amount": "0.5" }),
    )
    .await?;
    let right = ledger(&exchange).await?;
    assert_eq!(right["exact"], true, "{right:#}");
    let of = |asset: &str| {
        let all = right["assets"].as_array().unwrap();
        all.iter()
            .find(|sums| sums["asset"] == asset)
            .unwrap()
            .clone()
    };
    assert_eq!(
        of("BTC"),
        json!({ "asset": "BTC", "deposited": "2", "withdrawn": "0", "available": "1",
            "reserved": "1", "inBook": "1" })
    );
    assert_eq!(
        of("EUR"),
        json!({ "asset": "EUR", "deposited": "150.5", "withdrawn": "0.5", "available": "150",
            "reserved": "0", "inBook": "0" })
    );

    let mut database = exchange.postgres.look().await?;
    for (tamper, undo) in [
        (
            "UPDATE trade.balances SET available = available + 0.00000001 WHERE asset = 'USD'",
            "UPDATE trade.balances SET available = 0 WHERE asset = 'USD'",
        ),
        (
            "UPDATE trade.balances SET available = available + reserved, reserved = 0
             WHERE asset = 'BTC'",
            "UPDATE trade.balances SET available = available - 1, reserved = 1
             WHERE asset = 'BTC' AND available + reserved = 1 AND user_id =
                 (SELECT user_id FROM trade.orders WHERE side = 'sell')",
        ),
        (
            "UPDATE trade.fills SET quantity = quantity / 2",
            "UPDATE trade.fills SET quantity = quantity * 2",
        ),
    ] {
        sqlx::query(tamper).execute(&mut database).await?;
        let wrong = ledger(&exchange).await?;
        assert_eq!(wrong["exact"], false, "{tamper}: {wrong:#}");
        sqlx::query(undo).execute(&mut database).await?;
        assert_books_are_exact(&exchange).await?;
    }
    Ok(())
}

#[tokio::test]
async fn accounts_of_journeys_trade_among_themselves_only() -> Result<()> {
    let exchange = Exchange::start().await?;
    let real = trader_with(&exchange, &[("EUR", "100"), ("BTC", "1")]).await?;
    let (buyer, seller) = (synthetic(&exchange).await?, synthetic(&exchange).await?);
    exchange.deposit(&buyer, "EUR", "100").await?;
    exchange.deposit(&seller, "BTC", "1").await?;
    let trade = &exchange.trade;
    let place = async |trader, market, side| {
        let order = order(market, side, Some("10"), "1");
        post(trade, "/v1/orders", trader, &order).await
    };
    for (trader, market) in [(&real, "SYN-BTC-EUR"), (&seller, "BTC-EUR")] {
        let (status, problem) = place(trader, market, "sell").await?;
        assert_eq!(
            (status, &problem["type"]),
            (StatusCode::FORBIDDEN, &json!("/problems/market"))
        );
    }
    assert_eq!(
        place(&real, "BTC-EUR", "sell").await?.0,
        StatusCode::CREATED
    );
    let (_, bid) = place(&buyer, "SYN-BTC-EUR", "buy").await?;
    assert_eq!(bid["status"], "open", "the real ask is in another book");
    let (_, ask) = place(&seller, "SYN-BTC-EUR", "sell").await?;
    assert_eq!(ask["status"], "filled");
    let ledger = ledger(&exchange).await?;
    assert_eq!(ledger["exact"], true, "{ledger:#}");
    assert_eq!(ledger["assets"][2]["deposited"], "100", "{ledger:#}");
    Ok(())
}

#[tokio::test]
async fn what_is_old_is_removed_and_nothing_else() -> Result<()> {
    let exchange = Exchange::start().await?;
    let trade = &exchange.trade;
    let real = trader_with(&exchange, &[("EUR", "100"), ("BTC", "1")]).await?;
    let other = trader_with(&exchange, &[("EUR", "100")]).await?;
    let (old, young) = (synthetic(&exchange).await?, synthetic(&exchange).await?);
    for trader in [&old, &young] {
        exchange.deposit(trader, "EUR", "100").await?;
        exchange.deposit(trader, "BTC", "1").await?;
    }
    for (trader, market, side, quantity) in [
        (&real, "BTC-EUR", "sell", "1"),
        (&other, "BTC-EUR", "buy", "1"),
        (&old, "SYN-BTC-EUR", "sell", "1"),
        (&young, "SYN-BTC-EUR", "buy", "2"),
        (&old, "SYN-BTC-EUR", "buy", "1"),
    ] {
        let order = order(market, side, Some("10"), quantity);
        let (status, answer) = post(trade, "/v1/orders", trader, &order).await?;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    let mut database = exchange.postgres.look().await?;
    let delivered = async || {
        let mut database = exchange.postgres.look().await.unwrap();
        let waiting = "SELECT count(*) FROM trade.outbox WHERE delivered_at IS NULL";
        let waiting: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&mut database)
            .await
            .unwrap();
        waiting == 0
    };
    assert!(eventually(Duration::from_secs(10), delivered).await);
    for statement in [
        "UPDATE trade.outbox SET delivered_at = now() - interval '8 days' WHERE user_id = $1",
        "UPDATE trade.idempotency_keys SET created_at = now() - interval '31 days' WHERE user_id = $1",
    ] {
        let of = Uuid::parse_str(&real.id)?;
        sqlx::query(statement)
            .bind(of)
            .execute(&mut database)
            .await?;
    }
    let statement = "UPDATE trade.synthetic_accounts SET created_at = now() - interval '25 hours'
         WHERE user_id = $1";
    let of_old = Uuid::parse_str(&old.id)?;
    sqlx::query(statement)
        .bind(of_old)
        .execute(&mut database)
        .await?;

    // It runs when a process starts, and then every hour.
    let _another = exchange.another_trade("green").await?;
    let count = async |table: &str, trader: &str| -> i64 {
        let mut database = exchange.postgres.look().await.unwrap();
        let statement = format!("SELECT count(*) FROM trade.{table} WHERE user_id = $1");
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(Uuid::parse_str(trader).unwrap())
            .fetch_one(&mut database)
            .await
            .unwrap()
    };
    let gone = async || count("synthetic_accounts", &old.id).await == 0;
    assert!(eventually(Duration::from_secs(10), gone).await);
    for table in [
        "balances",
        "orders",
        "deposits",
        "idempotency_keys",
        "outbox",
    ] {
        assert_eq!(count(table, &old.id).await, 0, "{table}");
        assert_ne!(count(table, &young.id).await, 0, "{table}");
        assert_ne!(count(table, &other.id).await, 0, "{table}");
    }
    for (table, left) in [
        ("orders", 1),
        ("deposits", 2),
        ("idempotency_keys", 0),
        ("outbox", 0),
    ] {
        assert_eq!(count(table, &real.id).await, left, "{table}");
    }
    // Whoever is left trades on.
    let ask = order("SYN-BTC-EUR", "sell", Some("11"), "1");
    let (status, _) = post(trade, "/v1/orders", &young, &ask).await?;
    assert_eq!(status, StatusCode::CREATED);
    assert_books_are_exact(&exchange).await
}
