//! Bad input: each gets a problem document that says what to do, and changes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use anyhow::Result;
use exchange_platform::Subject;
use exchange_testkit::{Exchange, Trader};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use support::*;

const WRITES: [&str; 3] = ["/v1/orders", "/v1/deposits", "/v1/withdrawals"];

/// Sends a request, and checks that it is refused with a problem document.
async fn refused(request: RequestBuilder, status: u16) -> Result<Value> {
    let answer = request.send().await?;
    let content_type = answer.headers()["content-type"].to_str()?.to_owned();
    let (is, text) = (answer.status().as_u16(), answer.text().await?);
    assert_eq!(is, status, "{text}");
    assert_eq!(content_type, "application/problem+json", "{text}");
    let problem: Value = serde_json::from_str(&text)?;
    assert_eq!(problem["status"], status);
    for field in ["type", "title", "detail"] {
        assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()));
    }
    Ok(problem)
}

fn request(exchange: &Exchange, method: Method, path: &str, trader: &Trader) -> RequestBuilder {
    let request = exchange.http.request(method, exchange.trade.url(path));
    let request = request.bearer_auth(&trader.token);
    request.header("idempotency-key", key())
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = trader_with(&exchange, &[("EUR", "100")]).await?;
    for path in WRITES {
        let to = || request(&exchange, Method::POST, path, &ada);
        let json_text = |text: &str| {
            let request = to().header("content-type", "application/json");
            request.body(text.to_owned())
        };
        for malformed in ["", "{", "[]", "null", "{\"asset\": 1}", "{} {}", "\u{0}"] {
            refused(json_text(malformed), 400).await?;
        }
        let deep = "[".repeat(30_000);
        refused(json_text(&deep), 400).await?;
        refused(json_text(&"x".repeat(70_000)), 413).await?;
        refused(to().body("asset=EUR"), 415).await?;
        let unknown = json!({ "asset": "EUR", "amount": "1", "market": "BTC-EUR", "side": "buy",
            "price": "1", "quantity": "1", "user": ada.id });
        refused(to().json(&unknown), 400).await?;
    }
    let unchanged = balance(&exchange, &ada, "EUR").await?;
    assert_eq!(unchanged, (decimal("100"), decimal("0")));
    Ok(())
}

#[tokio::test]
async fn absurd_amounts_names_and_keys_are_refused() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = trader_with(&exchange, &[("EUR", "100")]).await?;
    let post = |path: &str, body: &Value| request(&exchange, Method::POST, path, &ada).json(body);
    let absurd = [
        "-1",
        "0",
        "1e3",
        "NaN",
        "inf",
        "",
        " 1",
        "0x10",
        "1,5",
        "٣",
        "0.000000001",
        "99999999999999999999999999999999999999",
        "1 OR 1=1",
    ];
    for amount in absurd {
        for path in ["/v1/deposits", "/v1/withdrawals"] {
            let body = json!({ "asset": "EUR", "amount": amount });
            refused(post(path, &body), 422).await?;
        }
        let quantity = order("BTC-EUR", "buy", Some("1"), amount);
        refused(post("/v1/orders", &quantity), 422).await?;
        let price = order("BTC-EUR", "buy", Some(amount), "1");
        refused(post("/v1/orders", &price), 422).await?;
    }
    for asset in [
        "",
        "eur",
        "XYZ",
        "EUR'; DROP TABLE trade.orders; --",
        "\u{0}",
    ] {
        let body = json!({ "asset": asset, "amount": "1" });
        refused(post("/v1/deposits", &body), 422).await?;
    }
    for market in ["", "BTC", "BTC-BTC", "btc-eur", "SYN-", "BTC-EUR-USD"] {
        let body = order(market, "buy", Some("1"), "1");
        refused(post("/v1/orders", &body), 422).await?;
    }
    for (field, value) in [("side", json!("hold")), ("type", json!("stop"))] {
        let mut body = order("BTC-EUR", "buy", Some("1"), "1");
        body[field] = value;
        refused(post("/v1/orders", &body), 422).await?;
    }
    let mut priced = order("BTC-EUR", "buy", None, "1");
    priced["price"] = json!("1");
    refused(post("/v1/orders", &priced), 422).await?;
    let most = json!({ "asset": "EUR", "amount": "10000000001" });
    refused(post("/v1/deposits", &most), 422).await?;

    for path in WRITES {
        let body = json!({ "asset": "EUR", "amount": "1" });
        let bare = exchange.http.post(exchange.trade.url(path)).json(&body);
        let bare = || bare.try_clone().unwrap().bearer_auth(&ada.token);
        refused(bare(), 400).await?;
        refused(bare().header("idempotency-key", ""), 400).await?;
        refused(bare().header("idempotency-key", "k".repeat(129)), 400).await?;
        let bytes: &[u8] = b"\xff\xfe";
        refused(bare().header("idempotency-key", bytes), 400).await?;
    }
    assert_eq!(
        balance(&exchange, &ada, "EUR").await?,
        (decimal("100"), decimal("0"))
    );
    Ok(())
}

#[tokio::test]
async fn paths_and_queries_that_fit_nothing_are_refused() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    for (method, path, status) in [
        (Method::GET, "/v1/orders/1", 404),
        (Method::DELETE, "/v1/orders/1", 404),
        (Method::GET, "/v1/markets/nothing/book", 404),
        (Method::GET, "/v1/markets/BTC-EUR%00/trades", 404),
        (Method::GET, "/v1/orders?limit=-1", 400),
        (Method::GET, "/v1/orders?limit=many", 400),
        (Method::GET, "/v1/orders?before=first", 400),
        (Method::GET, "/v1/fills?before=0", 400),
        (Method::GET, "/v1/nothing", 404),
        (Method::PUT, "/v1/orders", 405),
        (Method::DELETE, "/v1/balances", 405),
    ] {
        refused(request(&exchange, method, path, &ada), status).await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_endpoint_wants_a_token_that_is_good() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    let subject = Subject {
        user: ada.id.parse()?,
        ..Subject::default()
    };
    let expired = exchange.token(&subject, -3600).await?;
    let (head, signature) = ada.token.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    let tokens = [
        expired,
        format!("{head}.{turned}"),
        "a.b.c".to_owned(),
        String::new(),
    ];

    let document = exchange.http.get(exchange.trade.url("/openapi.json"));
    let document: Value = document.send().await?.json().await?;
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if operation.get("security").is_none() {
                continue;
            }
            let path = path
                .replace("{id}", &key())
                .replace("{user}", &ada.id)
                .replace("{market}", "BTC-EUR");
            let method = Method::from_bytes(method.to_uppercase().as_bytes())?;
            let url = exchange.trade.url(&path);
            let to = || exchange.http.request(method.clone(), &url);
            refused(to(), 401).await?;
            for token in &tokens {
                refused(to().bearer_auth(token), 401).await?;
            }
            asked += 1;
        }
    }
    assert_eq!(asked, 13, "every endpoint of api/mod.rs");
    Ok(())
}

#[tokio::test]
async fn what_others_may_see_is_not_for_traders() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (ada, bob) = (exchange.sign_up().await?, exchange.sign_up().await?);
    let export = format!("/internal/accounts/{}/export", bob.id);
    let erasure = format!("/internal/accounts/{}/erasure", bob.id);
    for (method, path) in [
        (Method::GET, "/v1/ledger"),
        (Method::GET, &export),
        (Method::POST, &erasure),
    ] {
        refused(request(&exchange, method, path, &ada), 403).await?;
    }
    let operator = exchange.operator().await?;
    refused(request(&exchange, Method::POST, &erasure, &operator), 403).await?;
    let (status, _) = exchange.get(exchange.trade.url(&export), &bob).await?;
    assert_eq!(status, StatusCode::OK);
    Ok(())
}
