//! The OpenAPI document of this service.

use anyhow::Result;
use exchange_testkit::{Examples, Exchange, is_checked_in, keeps_its_document};
use serde_json::json;

#[test]
fn the_document_that_is_checked_in_is_current() -> Result<()> {
    is_checked_in("user-service", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn its_examples_work() -> Result<()> {
    let exchange = Exchange::start().await?;
    let operator = exchange.operator().await?;
    // Whom the example of a login is about.
    let grace = json!({ "email": "grace@example.org", "password": "correct horse battery staple" });
    let register = exchange.http.post(exchange.user.url("/v1/users"));
    assert!(register.json(&grace).send().await?.status().is_success());
    let examples = Examples::new(&exchange.user, &operator.token)
        .parameter("id", &operator.id)
        // A refresh token and a key's id are made up by the server; see sessions.rs and keys.rs.
        .skip("POST /v1/sessions/refresh")
        .skip("POST /v1/sessions/logout")
        .skip("DELETE /v1/keys/{kid}")
        // Needs the caller's own password; see leaving.rs.
        .skip("POST /v1/users/me/erasure");
    let sent = examples.send().await?;
    assert!(sent >= 16, "only {sent} operations in the document");
    Ok(())
}

#[tokio::test]
async fn no_request_gets_an_answer_that_is_not_in_it() -> Result<()> {
    let exchange = Exchange::start().await?;
    let operator = exchange.operator().await?;
    keeps_its_document(&exchange.user, &operator.token, &[]).await
}
