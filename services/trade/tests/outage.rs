//! A database that goes away, and one that does not answer in time: clients may send again, and nothing is
//! lost or doubled.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context, Result};
use exchange_testkit::{Exchange, ServiceProcess, Trader, eventually};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::query_scalar;

use support::*;

/// Sends an order until it is taken, and returns it.
async fn insist(trade: &ServiceProcess, trader: &Trader, body: &Value) -> Result<Value> {
    let (key, url) = (key(), trade.url("/v1/orders"));
    let taken = Cell::new(None);
    let sent = async || {
        let sent = write(Method::POST, url.clone(), trader, &key, Some(body)).await;
        let (status, answer) = sent.unwrap();
        if status.is_success() {
            taken.set(Some(answer));
        } else {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        }
        status.is_success()
    };
    assert!(eventually(Duration::from_secs(60), sent).await);
    taken.take().context("no answer")
}

#[tokio::test]
async fn a_restart_of_the_database_loses_and_doubles_nothing() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    let buyer = trader_with(&exchange, &[("EUR", "10000")]).await?;
    let seller = trader_with(&exchange, &[("BTC", "100")]).await?;
    let (trade, placed, restarted) = (&exchange.trade, Cell::new(0), Cell::new(false));
    let flow = async |trader: &Trader, side: &str| -> Result<Vec<String>> {
        let body = order("BTC-EUR", side, Some("10"), "0.1");
        let mut ids = Vec::new();
        while !restarted.get() || ids.len() < 40 {
            let order = insist(trade, trader, &body).await?;
            ids.push(order["id"].as_str().unwrap().to_owned());
            placed.set(placed.get() + 1);
        }
        Ok(ids)
    };
    let postgres = &mut exchange.postgres;
    let restart = async {
        assert!(eventually(Duration::from_secs(30), async || placed.get() > 10).await);
        postgres.stop();
        postgres.restart().await?;
        restarted.set(true);
        anyhow::Ok(())
    };
    let (bought, sold, restart) = tokio::join!(flow(&buyer, "buy"), flow(&seller, "sell"), restart);
    restart?;
    let mut ids = [bought?, sold?].concat();
    let sent = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), sent, "every key has an order of its own");
    let mut database = exchange.postgres.look().await?;
    let orders: i64 = query_scalar("SELECT count(*) FROM trade.orders")
        .fetch_one(&mut database)
        .await?;
    assert_eq!(usize::try_from(orders)?, sent);
    assert_books_are_exact(&exchange).await
}

#[tokio::test]
async fn an_order_that_waits_too_long_is_refused_and_can_be_sent_again() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = trader_with(&exchange, &[("EUR", "100")]).await?;
    let mut database = exchange.postgres.look().await?;
    let hold = "SELECT pg_advisory_lock(hashtextextended('trade.market BTC-EUR', 0))";
    sqlx::query(hold).execute(&mut database).await?;
    let (key, url) = (key(), exchange.trade.url("/v1/orders"));
    let body = order("BTC-EUR", "buy", Some("10"), "1");
    let send = async || write(Method::POST, url.clone(), &ada, &key, Some(&body)).await;
    let (status, problem) = send().await?;
    assert_eq!(
        (status, &problem["type"]),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            &json!("/problems/database")
        )
    );
    sqlx::query("SELECT pg_advisory_unlock_all()")
        .execute(&mut database)
        .await?;
    assert_eq!(send().await?.0, StatusCode::CREATED);
    Ok(())
}
