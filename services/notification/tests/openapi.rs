//! The OpenAPI document of this service.

use anyhow::Result;
use exchange_testkit::{Examples, Exchange, is_checked_in};

#[test]
fn the_document_that_is_checked_in_is_current() -> Result<()> {
    is_checked_in("notification-service", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn its_examples_work() -> Result<()> {
    let exchange = Exchange::start().await?;
    let operator = exchange.operator().await?;
    let examples = Examples::new(&exchange.notification, &operator.token)
        .parameter("user", &operator.id)
        .skip("GET /v1/notifications/stream");
    let sent = examples.send().await?;
    assert!(sent >= 10, "only {sent} operations in the document");
    Ok(())
}
