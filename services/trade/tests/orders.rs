//! Limit and market orders, cancels, withdrawals, and what is shown of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use anyhow::Result;
use exchange_testkit::{Exchange, Trader};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use support::*;

async fn placed(exchange: &Exchange, trader: &Trader, body: Value) -> Result<Value> {
    let (status, order) = post(&exchange.trade, "/v1/orders", trader, &body).await?;
    assert_eq!(status, StatusCode::CREATED, "{order}");
    Ok(order)
}

fn limit(side: &str, price: &str, quantity: &str) -> Value {
    order("BTC-EUR", side, Some(price), quantity)
}

fn market(side: &str, quantity: &str) -> Value {
    order("BTC-EUR", side, None, quantity)
}

#[tokio::test]
async fn a_market_order_takes_the_best_prices_and_never_rests() -> Result<()> {
    let exchange = Exchange::start().await?;
    let seller = trader_with(&exchange, &[("BTC", "10")]).await?;
    let buyer = trader_with(&exchange, &[("EUR", "1000")]).await?;
    // Dearer first, so that price goes before time; two at one price, so that time decides.
    placed(&exchange, &seller, limit("sell", "300", "1")).await?;
    let first = placed(&exchange, &seller, limit("sell", "200", "1")).await?;
    let second = placed(&exchange, &seller, limit("sell", "200", "1")).await?;

    let bought = placed(&exchange, &buyer, market("buy", "1.5")).await?;
    assert_eq!(
        (&bought["status"], &bought["type"], &bought["filled"]),
        (&json!("filled"), &json!("market"), &json!("1.5"))
    );
    assert_eq!(bought.get("price"), None);
    let eur = balance(&exchange, &buyer, "EUR").await?;
    assert_eq!(eur, (decimal("700"), decimal("0")), "1.5 at 200");
    for (order, filled) in [(&first, "1"), (&second, "0.5")] {
        let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
        let (_, shown) = exchange.get(exchange.trade.url(&path), &seller).await?;
        assert_eq!(decimal(shown["filled"].as_str().unwrap()), decimal(filled));
    }

    // More than the book holds: what is left is cancelled, and nothing stays reserved.
    let swept = placed(&exchange, &buyer, market("buy", "9")).await?;
    assert_eq!(
        (&swept["status"], &swept["cancelled"]),
        (&json!("cancelled"), &json!("7.5"))
    );
    let eur = balance(&exchange, &buyer, "EUR").await?;
    assert_eq!(eur, (decimal("300"), decimal("0")), "0.5 at 200, 1 at 300");
    let nothing = placed(&exchange, &buyer, market("buy", "1")).await?;
    assert_eq!(
        (&nothing["status"], &nothing["filled"]),
        (&json!("cancelled"), &json!("0"))
    );

    // Beyond what the buyer can pay: nothing of it is done.
    placed(&exchange, &seller, limit("sell", "299", "2")).await?;
    let (status, problem) =
        post(&exchange.trade, "/v1/orders", &buyer, &market("buy", "2")).await?;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &json!("/problems/insufficient-funds"))
    );
    assert_eq!(balance(&exchange, &buyer, "EUR").await?, eur);
    assert_books_are_exact(&exchange).await
}

#[tokio::test]
async fn a_cancel_frees_what_is_left_of_an_order_once() -> Result<()> {
    let exchange = Exchange::start().await?;
    let buyer = trader_with(&exchange, &[("EUR", "1000")]).await?;
    let seller = trader_with(&exchange, &[("BTC", "1")]).await?;
    let bid = placed(&exchange, &buyer, limit("buy", "100", "3")).await?;
    placed(&exchange, &seller, limit("sell", "100", "1")).await?;

    let (status, _) = cancel(&exchange.trade, &seller, &bid["id"]).await?;
    assert_eq!(status, StatusCode::NOT_FOUND, "other people's orders");
    let url = format!("/v1/orders/{}", bid["id"].as_str().unwrap());
    let (url, key) = (exchange.trade.url(&url), key());
    let again = async || write(Method::DELETE, url.clone(), &buyer, &key, None).await;
    let (first, second) = tokio::join!(again(), again());
    for (status, order) in [first?, second?] {
        assert_eq!(status, StatusCode::OK, "{order}");
        let shown = ["status", "quantity", "filled", "cancelled"].map(|name| &order[name]);
        assert_eq!(
            shown,
            [&json!("cancelled"), &json!("3"), &json!("1"), &json!("2")]
        );
    }
    assert_eq!(
        balance(&exchange, &buyer, "EUR").await?,
        (decimal("900"), decimal("0"))
    );
    let (status, problem) = cancel(&exchange.trade, &buyer, &bid["id"]).await?;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &json!("/problems/order-closed"))
    );
    let (status, _) = cancel(&exchange.trade, &buyer, &json!(support::key())).await?;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let book = exchange.trade.url("/v1/markets/BTC-EUR/book");
    assert_eq!(exchange.get(book, &buyer).await?.1["bids"], json!([]));
    assert_books_are_exact(&exchange).await
}

#[tokio::test]
async fn nobody_trades_with_themselves() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = trader_with(&exchange, &[("EUR", "1000"), ("BTC", "10")]).await?;
    let bob = trader_with(&exchange, &[("BTC", "1")]).await?;
    placed(&exchange, &bob, limit("sell", "99", "1")).await?;
    let own = placed(&exchange, &ada, limit("sell", "100", "1")).await?;

    let bid = placed(&exchange, &ada, limit("buy", "101", "3")).await?;
    let shown = ["status", "filled", "cancelled"].map(|name| &bid[name]);
    assert_eq!(shown, [&json!("cancelled"), &json!("1"), &json!("2")]);
    let path = format!("/v1/orders/{}", own["id"].as_str().unwrap());
    let (_, own) = exchange.get(exchange.trade.url(&path), &ada).await?;
    assert_eq!(own["status"], "open", "the older order keeps its place");
    let eur = balance(&exchange, &ada, "EUR").await?;
    assert_eq!(eur, (decimal("901"), decimal("0")));
    assert_books_are_exact(&exchange).await
}

#[tokio::test]
async fn withdrawals_take_what_is_available_and_nothing_more() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = trader_with(&exchange, &[("EUR", "100")]).await?;
    placed(&exchange, &ada, limit("buy", "60", "1")).await?;
    let withdraw = async |amount: &str, key: &str| {
        let body = json!({ "asset": "EUR", "amount": amount });
        let url = exchange.trade.url("/v1/withdrawals");
        write(Method::POST, url, &ada, key, Some(&body)).await
    };
    let (status, problem) = withdraw("40.00000001", &key()).await?;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &json!("/problems/insufficient-funds"))
    );
    let key = key();
    let (one, two) = tokio::join!(withdraw("25", &key), withdraw("25", &key));
    let (one, two) = (one?, two?);
    assert_eq!(one.1["id"], two.1["id"]);
    assert_eq!(
        withdraw("26", &key).await?.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        balance(&exchange, &ada, "EUR").await?,
        (decimal("15"), decimal("60"))
    );
    assert_books_are_exact(&exchange).await
}

#[tokio::test]
async fn history_is_shown_page_by_page_and_to_whom_it_concerns() -> Result<()> {
    let exchange = Exchange::start().await?;
    let buyer = trader_with(&exchange, &[("EUR", "1000")]).await?;
    let seller = trader_with(&exchange, &[("BTC", "3")]).await?;
    for price in ["10", "20", "30"] {
        placed(&exchange, &seller, limit("sell", price, "1")).await?;
        placed(&exchange, &buyer, limit("buy", price, "1")).await?;
    }
    for (path, list) in [
        ("/v1/fills", "fills"),
        ("/v1/markets/BTC-EUR/trades", "trades"),
        ("/v1/orders", "orders"),
    ] {
        let page = async |query: &str| -> Result<Vec<Value>> {
            let url = exchange.trade.url(&format!("{path}?{query}"));
            let (status, answer) = exchange.get(url, &buyer).await?;
            assert_eq!(status, StatusCode::OK, "{answer}");
            Ok(answer[list].as_array().unwrap().clone())
        };
        let newest = page("limit=2").await?;
        let last = newest[1]["id"].as_str().unwrap();
        let rest = page(&format!("limit=2&before={last}")).await?;
        let all: Vec<&Value> = newest.iter().chain(&rest).map(|f| &f["price"]).collect();
        assert_eq!(all, ["30", "20", "10"], "{path}");
        assert_eq!(newest[0]["side"], "buy", "{path}");
    }
    let (_, fills) = exchange
        .get(exchange.trade.url("/v1/fills"), &seller)
        .await?;
    let fill = &fills["fills"][0];
    assert_eq!(
        [&fill["side"], &fill["role"]],
        [&json!("sell"), &json!("maker")]
    );
    let stranger = exchange.sign_up().await?;
    for path in ["/v1/fills", "/v1/orders"] {
        let (_, none) = exchange.get(exchange.trade.url(path), &stranger).await?;
        let lists = none.as_object().unwrap().values();
        assert!(lists.into_iter().all(|list| list == &json!([])), "{none}");
    }
    Ok(())
}
