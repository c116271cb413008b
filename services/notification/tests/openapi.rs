//! The OpenAPI document of this service.

use anyhow::Result;
use exchange_platform::Subject;
use exchange_testkit::{Examples, Exchange, is_checked_in, keeps_its_document};

#[test]
fn the_document_that_is_checked_in_is_current() -> Result<()> {
    is_checked_in("notification-service", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn its_examples_work() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (token, erased) = (token(&exchange).await?, exchange.sign_up().await?);
    let examples = Examples::new(&exchange.notification, &token)
        .parameter("user", &erased.id)
        .skip("GET /v1/notifications/stream");
    let sent = examples.send().await?;
    assert!(sent >= 10, "only {sent} operations in the document");
    Ok(())
}

#[tokio::test]
async fn no_request_gets_an_answer_that_is_not_in_it() -> Result<()> {
    let exchange = Exchange::start().await?;
    let token = token(&exchange).await?;
    // A stream does not end; see streams.rs.
    keeps_its_document(
        &exchange.notification,
        &token,
        &["/v1/notifications/stream"],
    )
    .await
}

/// Of someone who may call everything.
async fn token(exchange: &Exchange) -> Result<String> {
    let subject = Subject {
        user: exchange.operator().await?.id.parse()?,
        roles: ["operator", "service"].map(str::to_owned).into(),
        ..Subject::default()
    };
    exchange.token(&subject, 600).await
}
