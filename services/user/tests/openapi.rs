//! The OpenAPI document of this service.

use anyhow::Result;
use exchange_testkit::{Examples, Exchange, is_checked_in};

#[test]
fn the_document_that_is_checked_in_is_current() -> Result<()> {
    is_checked_in("user-service", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn its_examples_work() -> Result<()> {
    let exchange = Exchange::start().await?;
    let operator = exchange.operator().await?;
    let examples = Examples::new(&exchange.user, &operator.token)
        .parameter("id", &operator.id)
        // A refresh token and a key's id are made up by the server; see sessions.rs and keys.rs.
        .skip("POST /v1/sessions/refresh")
        .skip("POST /v1/sessions/logout")
        .skip("DELETE /v1/keys/{kid}");
    let sent = examples.send().await?;
    assert!(sent >= 10, "only {sent} operations in the document");
    Ok(())
}
