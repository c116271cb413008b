//! The OpenAPI document of this service.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use anyhow::Result;
use exchange_testkit::{Examples, Exchange, is_checked_in, keeps_its_document};

use support::{order, post};

#[test]
fn the_document_that_is_checked_in_is_current() -> Result<()> {
    is_checked_in("trade-service", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn its_examples_work() -> Result<()> {
    let exchange = Exchange::start().await?;
    let operator = exchange.operator().await?;
    exchange.deposit(&operator, "EUR", "100").await?;
    let mut placed = Vec::new();
    for _ in 0..2 {
        let body = order("BTC-EUR", "buy", Some("1"), "1");
        let (_, order) = post(&exchange.trade, "/v1/orders", &operator, &body).await?;
        placed.push(order["id"].as_str().unwrap().to_owned());
    }
    let examples = Examples::new(&exchange.trade, &operator.token)
        .parameter("id", &placed[0])
        .parameter("DELETE /v1/orders/{id}:id", &placed[1])
        .parameter("user", &operator.id)
        // Nothing works for an account that was erased; see erasure.rs.
        .skip("POST /internal/accounts/{user}/erasure");
    let sent = examples.send().await?;
    assert!(sent >= 14, "only {sent} operations in the document");
    Ok(())
}

#[tokio::test]
async fn no_request_gets_an_answer_that_is_not_in_it() -> Result<()> {
    let exchange = Exchange::start().await?;
    let operator = exchange.operator().await?;
    keeps_its_document(&exchange.trade, &operator.token, &[]).await
}
