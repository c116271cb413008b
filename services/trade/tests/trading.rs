//! Trading as clients see it: trade, user and notification over a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{Exchange, PASSWORD, Trader, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};

use support::{balance, decimal, key};

async fn notifications(exchange: &Exchange, trader: &Trader) -> Result<Vec<Value>> {
    let url = exchange.notification.url("/v1/notifications?limit=200");
    let (_, answer) = exchange.get(url, trader).await?;
    Ok(answer["notifications"].as_array().unwrap().clone())
}

#[tokio::test]
async fn orders_match_settle_exactly_and_both_sides_are_notified_once() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (buyer, seller) = (exchange.sign_up().await?, exchange.sign_up().await?);
    exchange.deposit(&buyer, "EUR", "1000.00").await?;
    exchange.deposit(&seller, "BTC", "0.05").await?;

    let sell = exchange
        .order(
            &exchange.trade,
            &seller,
            &key(),
            ("sell", "30000.00", "0.01"),
        )
        .await?;
    assert_eq!(
        (sell.0, &sell.1["status"]),
        (StatusCode::CREATED, &json!("open"))
    );
    let buy = exchange
        .order(
            &exchange.trade,
            &buyer,
            &key(),
            ("buy", "31000.00", "0.015"),
        )
        .await?;
    assert_eq!(
        (buy.0, &buy.1["status"]),
        (StatusCode::CREATED, &json!("partially_filled"))
    );
    assert_eq!(buy.1["filled"], "0.01");

    // 0.01 at the maker's 30000 is paid; 0.005 at the own 31000 stays reserved.
    assert_eq!(
        balance(&exchange, &buyer, "EUR").await?,
        (decimal("545"), decimal("155"))
    );
    assert_eq!(
        balance(&exchange, &buyer, "BTC").await?,
        (decimal("0.01"), decimal("0"))
    );
    assert_eq!(
        balance(&exchange, &seller, "EUR").await?,
        (decimal("300"), decimal("0"))
    );
    assert_eq!(
        balance(&exchange, &seller, "BTC").await?,
        (decimal("0.04"), decimal("0"))
    );

    let id = sell.1["id"].as_str().unwrap();
    let path = exchange.trade.url(&format!("/v1/orders/{id}"));
    assert_eq!(
        exchange.get(path.clone(), &seller).await?.1["status"],
        "filled"
    );
    assert_eq!(exchange.get(path, &buyer).await?.0, StatusCode::NOT_FOUND);
    let (_, book) = exchange
        .get(exchange.trade.url("/v1/markets/BTC-EUR/book"), &buyer)
        .await?;
    assert_eq!(
        book["bids"],
        json!([{ "price": "31000.00", "quantity": "0.005" }])
    );
    assert_eq!(book["asks"], json!([]));

    for (trader, side) in [(&buyer, "buy"), (&seller, "sell")] {
        let arrived = async || {
            notifications(&exchange, trader)
                .await
                .is_ok_and(|n| !n.is_empty())
        };
        assert!(eventually(Duration::from_secs(10), arrived).await);
        let all = notifications(&exchange, trader).await?;
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(
            (&all[0]["kind"], &all[0]["payload"]["side"]),
            (&json!("fill"), &json!(side))
        );
        let after = format!("/v1/notifications?after={}", all[0]["id"].as_str().unwrap());
        let (_, rest) = exchange
            .get(exchange.notification.url(&after), trader)
            .await?;
        assert_eq!(rest["notifications"], json!([]));
    }
    let logs = [&exchange.user, &exchange.trade, &exchange.notification]
        .map(|p| p.output())
        .join("\n");
    for secret in [
        PASSWORD,
        "canary-",
        &buyer.email,
        &buyer.token,
        &seller.token,
    ] {
        assert!(!logs.contains(secret), "{secret} is in the logs");
    }
    Ok(())
}

#[tokio::test]
async fn an_order_needs_a_token_funds_and_good_standing() -> Result<()> {
    let exchange = Exchange::start().await?;
    let trader = exchange.sign_up().await?;
    let order = ("buy", "100", "1");
    let (status, problem) = exchange
        .order(&exchange.trade, &trader, &key(), order)
        .await?;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &json!("/problems/insufficient-funds"))
    );
    exchange.deposit(&trader, "EUR", "1000").await?;

    let stranger = Trader {
        token: "a.b.c".to_owned(),
        ..trader.clone()
    };
    let (status, _) = exchange
        .order(&exchange.trade, &stranger, &key(), order)
        .await?;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    let mut database = exchange.postgres.look().await?;
    sqlx::query("UPDATE users.accounts SET standing = 'restricted'")
        .execute(&mut database)
        .await?;
    let (status, _) = exchange
        .order(&exchange.trade, &trader, &key(), order)
        .await?;
    assert_eq!(status, StatusCode::FORBIDDEN);
    sqlx::query("UPDATE users.accounts SET standing = 'good'")
        .execute(&mut database)
        .await?;

    for bad in [
        ("hold", "1", "1"),
        ("buy", "-1", "1"),
        ("buy", "1", "0"),
        ("buy", "1e9", "1"),
        ("buy", "100000000", "100000000"),
    ] {
        let (status, problem) = exchange
            .order(&exchange.trade, &trader, &key(), bad)
            .await?;
        assert_eq!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{bad:?} {problem}"
        );
    }
    assert_eq!(
        exchange.order(&exchange.trade, &trader, "", order).await?.0,
        StatusCode::BAD_REQUEST
    );

    let body = json!({ "market": "BTC-EUR", "side": "buy", "price": "100", "quantity": "1" });
    let request = exchange
        .http
        .post(exchange.trade.url("/v1/orders"))
        .json(&body);
    let answer = request
        .bearer_auth(&trader.token)
        .header("idempotency-key", key())
        .send()
        .await?;
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(
        answer.headers()["x-exchange-hops"],
        "trade/2.0.0/blue,user/0.0.0-dev/blue"
    );
    Ok(())
}

#[tokio::test]
async fn a_repeated_key_is_the_same_order_and_another_body_is_refused() -> Result<()> {
    let exchange = Exchange::start().await?;
    let trader = exchange.sign_up().await?;
    exchange.deposit(&trader, "EUR", "1000").await?;
    let key = key();
    let same = async || {
        exchange
            .order(&exchange.trade, &trader, &key, ("buy", "100", "1"))
            .await
    };
    let (one, two) = tokio::join!(same(), same());
    let (one, two) = (one?, two?);
    let statuses = HashSet::from([one.0, two.0]);
    assert_eq!(
        statuses,
        HashSet::from([StatusCode::CREATED, StatusCode::OK]),
        "{one:?} {two:?}"
    );
    assert_eq!(one.1["id"], two.1["id"]);
    let (status, _) = exchange
        .order(&exchange.trade, &trader, &key, ("buy", "101", "1"))
        .await?;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        balance(&exchange, &trader, "EUR").await?,
        (decimal("900"), decimal("100"))
    );
    let (_, all) = exchange
        .get(exchange.trade.url("/v1/orders?limit=10"), &trader)
        .await?;
    assert_eq!(all["orders"].as_array().unwrap().len(), 1);
    Ok(())
}
