//! What several of these tests need: writes of every kind, and looking at what they did.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test uses a part; helpers of tests fail the test as the tests themselves do"
)]

use std::str::FromStr;

use anyhow::Result;
use exchange_platform::Subject;
use exchange_testkit::{Exchange, ServiceProcess, Trader};
use reqwest::{Method, StatusCode};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

pub type Answer = (StatusCode, Value);

pub fn key() -> String {
    Uuid::new_v4().to_string()
}

pub fn decimal(text: &str) -> Decimal {
    Decimal::from_str(text).unwrap()
}

/// A write under a key of its own.
pub async fn write(
    method: Method,
    url: String,
    trader: &Trader,
    key: &str,
    body: Option<&Value>,
) -> Result<Answer> {
    let request = reqwest::Client::new()
        .request(method, url)
        .bearer_auth(&trader.token)
        .header("idempotency-key", key);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    let parsed = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok((status, parsed))
}

pub async fn post(
    at: &ServiceProcess,
    path: &str,
    trader: &Trader,
    body: &Value,
) -> Result<Answer> {
    write(Method::POST, at.url(path), trader, &key(), Some(body)).await
}

pub async fn cancel(at: &ServiceProcess, trader: &Trader, id: &Value) -> Result<Answer> {
    let url = at.url(&format!("/v1/orders/{}", id.as_str().unwrap()));
    write(Method::DELETE, url, trader, &key(), None).await
}

/// A limit order, or a market order where there is no price.
pub fn order(market: &str, side: &str, price: Option<&str>, quantity: &str) -> Value {
    let mut order = json!({ "market": market, "side": side, "quantity": quantity });
    match price {
        Some(price) => order["price"] = json!(price),
        None => order["type"] = json!("market"),
    }
    order
}

/// Someone with funds.
pub async fn trader_with(exchange: &Exchange, funds: &[(&str, &str)]) -> Result<Trader> {
    let trader = exchange.sign_up().await?;
    for (asset, amount) in funds {
        exchange.deposit(&trader, asset, amount).await?;
    }
    Ok(trader)
}

/// Someone whose account belongs to a journey.
pub async fn synthetic(exchange: &Exchange) -> Result<Trader> {
    let mut trader = exchange.sign_up().await?;
    let subject = Subject {
        user: trader.id.parse()?,
        synthetic: true,
        ..Subject::default()
    };
    trader.token = exchange.token(&subject, 600).await?;
    Ok(trader)
}

/// What someone has available and reserved of an asset.
pub async fn balance(
    exchange: &Exchange,
    trader: &Trader,
    asset: &str,
) -> Result<(Decimal, Decimal)> {
    let url = exchange.trade.url("/v1/balances");
    let (_, answer) = exchange.get(url, trader).await?;
    let all = answer["balances"].as_array().unwrap().clone();
    let found = all.iter().find(|b| b["asset"] == asset);
    let figure = |name: &str| {
        found.map_or(Decimal::ZERO, |found| {
            decimal(found[name].as_str().unwrap())
        })
    };
    Ok((figure("available"), figure("reserved")))
}

/// The check of the books, as an operator sees it.
pub async fn ledger(exchange: &Exchange) -> Result<Value> {
    let operator = exchange.operator().await?;
    let (status, ledger) = exchange
        .get(exchange.trade.url("/v1/ledger"), &operator)
        .await?;
    assert_eq!(status, StatusCode::OK, "{ledger}");
    Ok(ledger)
}

pub async fn assert_books_are_exact(exchange: &Exchange) -> Result<()> {
    let ledger = ledger(exchange).await?;
    assert_eq!(ledger["exact"], true, "{ledger:#}");
    Ok(())
}
