//! The version before this one goes on working on this schema: its statements, word for word.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use anyhow::Result;
use exchange_testkit::{Exchange, Trader};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::{PgConnection, query, query_as};
use uuid::Uuid;

use support::*;

const INSERT_ORDER: &str =
    "INSERT INTO trade.orders (id, user_id, market, side, price, quantity, filled)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id, market, side, price, quantity, filled";
const RESTING_ASKS: &str = "SELECT id, user_id, price, quantity - filled FROM trade.orders
     WHERE market = $1 AND side = 'sell' AND filled < quantity AND price <= $2
     ORDER BY price, sequence LIMIT $3 OFFSET $4";
const CLAIM_KEY: &str =
    "INSERT INTO trade.idempotency_keys (user_id, key, request_hash, resource_id)
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
const RESERVE: &str =
    "UPDATE trade.balances SET available = available - $3, reserved = reserved + $3
     WHERE user_id = $1 AND asset = $2";

/// What the version before finds in the book, as an order finds it.
async fn asks(database: &mut PgConnection) -> Result<Vec<Uuid>> {
    let rows: Vec<(Uuid, Uuid, Decimal, Decimal)> = query_as(RESTING_ASKS)
        .bind("BTC-EUR")
        .bind(decimal("100000000"))
        .bind(100_i64)
        .bind(0_i64)
        .fetch_all(database)
        .await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// An ask as the version before places it.
async fn old_ask(database: &mut PgConnection, trader: &Trader, price: &str) -> Result<Uuid> {
    let (id, user) = (Uuid::now_v7(), Uuid::parse_str(&trader.id)?);
    let key = query(CLAIM_KEY)
        .bind(user)
        .bind(key())
        .bind([7_u8; 32])
        .bind(id);
    key.execute(&mut *database).await?;
    let reserve = query(RESERVE).bind(user).bind("BTC").bind(Decimal::ONE);
    reserve.execute(&mut *database).await?;
    let insert = query(INSERT_ORDER)
        .bind(id)
        .bind(user)
        .bind("BTC-EUR")
        .bind("sell");
    let insert = insert
        .bind(decimal(price))
        .bind(Decimal::ONE)
        .bind(Decimal::ZERO);
    insert.execute(&mut *database).await?;
    Ok(id)
}

fn id(order: &Value) -> Uuid {
    order["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn both_versions_trade_in_one_book() -> Result<()> {
    let exchange = Exchange::start().await?;
    let trade = &exchange.trade;
    let mut database = exchange.postgres.look().await?;
    let seller = trader_with(&exchange, &[("BTC", "10")]).await?;
    let buyer = trader_with(&exchange, &[("EUR", "1000")]).await?;

    // What this version cancels, or takes as a market order, does not rest for the version before.
    let ask = order("BTC-EUR", "sell", Some("10"), "1");
    let (_, kept) = post(trade, "/v1/orders", &seller, &ask).await?;
    let (_, cancelled) = post(trade, "/v1/orders", &seller, &ask).await?;
    cancel(trade, &seller, &cancelled["id"]).await?;
    let (_, unmet) = post(
        trade,
        "/v1/orders",
        &seller,
        &order("BTC-EUR", "sell", None, "1"),
    )
    .await?;
    assert_eq!(unmet["status"], "cancelled");
    assert_eq!(asks(&mut database).await?, [id(&kept)]);

    // What the version before places is matched, shown and cancelled by this one.
    let first = old_ask(&mut database, &seller, "11").await?;
    let second = old_ask(&mut database, &seller, "12").await?;
    let bid = order("BTC-EUR", "buy", Some("11"), "2");
    let (_, bought) = post(trade, "/v1/orders", &buyer, &bid).await?;
    assert_eq!(bought["status"], "filled");
    let path = trade.url(&format!("/v1/orders/{first}"));
    let (_, shown) = exchange.get(path, &seller).await?;
    assert_eq!(
        (&shown["status"], &shown["type"]),
        (&json!("filled"), &json!("limit"))
    );
    let (status, _) = cancel(trade, &seller, &json!(second)).await?;
    assert!(status.is_success());
    assert_eq!(asks(&mut database).await?, [] as [Uuid; 0]);
    assert_books_are_exact(&exchange).await
}
