//! Roles, and accounts of journeys.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{Exchange, PASSWORD, Postgres, ServiceProcess, eventually};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use support::*;

async fn set_roles(
    at: &ServiceProcess,
    by: &Value,
    of: &Value,
    roles: &[&str],
) -> Result<StatusCode> {
    let url = at.url(&format!(
        "/v1/users/{}/roles",
        of["userId"].as_str().unwrap()
    ));
    let body = json!({ "roles": roles });
    Ok(send(Method::PUT, url, Some(token(by)), Some(&body))
        .await?
        .0)
}

#[tokio::test]
async fn operators_give_roles_and_tokens_say_them() -> Result<()> {
    let exchange = Exchange::start().await?;
    let user = &exchange.user;
    let credentials = register(user).await?;
    let trader = log_in(user, &credentials).await?;
    assert_eq!(
        set_roles(user, &trader, &trader, &["operator"]).await?,
        StatusCode::FORBIDDEN
    );

    // The first operator is named in the settings.
    let (url, id) = (exchange.postgres.url(), trader["userId"].as_str().unwrap());
    let settings = [("DATABASE_URL", url.as_str()), ("OPERATORS", id)];
    let named = ServiceProcess::start("user-service", &settings).await?;
    let operator = log_in(&named, &credentials).await?;
    let (_, me) = get(&named, "/v1/users/me", token(&operator)).await?;
    assert_eq!(me["roles"], json!(["trader", "operator"]));
    let ledger = async |session: &Value| {
        let (status, _) = get(&exchange.trade, "/v1/ledger", token(session)).await?;
        anyhow::Ok(status)
    };
    assert_eq!(ledger(&operator).await?, StatusCode::OK);
    assert_eq!(
        ledger(&trader).await?,
        StatusCode::FORBIDDEN,
        "the token before says less"
    );

    let second = register(user).await?;
    let bob = log_in(user, &second).await?;
    let promoted = set_roles(user, &operator, &bob, &["trader", "operator"]).await?;
    assert_eq!(promoted, StatusCode::NO_CONTENT);
    assert_eq!(ledger(&log_in(user, &second).await?).await?, StatusCode::OK);
    for (of, roles, expected) in [
        (&bob, &["root"][..], StatusCode::UNPROCESSABLE_ENTITY),
        (
            &json!({ "userId": uuid::Uuid::new_v4() }),
            &[],
            StatusCode::NOT_FOUND,
        ),
    ] {
        assert_eq!(set_roles(user, &operator, of, roles).await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn accounts_of_journeys_trade_apart_and_are_removed_after_a_day() -> Result<()> {
    let exchange = Exchange::start().await?;
    let user = &exchange.user;
    let credentials = json!({ "email": email(), "password": PASSWORD });
    let mut account = credentials.clone();
    account["synthetic"] = json!(true);
    let (status, answer) = post(user, "/v1/users", &account).await?;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let session = log_in(user, &credentials).await?;
    let kept = register(user).await?;
    let place = async |market: &str| {
        let body = json!({ "market": market, "side": "buy", "price": "1", "quantity": "1" });
        let request = exchange.http.post(exchange.trade.url("/v1/orders"));
        let request = request
            .header("idempotency-key", market)
            .bearer_auth(token(&session));
        anyhow::Ok(request.json(&body).send().await?.status())
    };
    assert_eq!(place("BTC-EUR").await?, StatusCode::FORBIDDEN);
    assert_eq!(
        place("SYN-BTC-EUR").await?,
        StatusCode::CONFLICT,
        "no funds"
    );

    let age = "UPDATE users.accounts SET created_at = created_at - interval '25 hours'";
    sqlx::query(age)
        .execute(&mut exchange.postgres.look().await?)
        .await?;
    let _starts_with_housekeeping = support::user(&exchange.postgres, "green").await?;
    let gone = async || {
        let answer = get(user, "/v1/users/me", token(&session)).await;
        answer.is_ok_and(|(status, _)| status == StatusCode::UNAUTHORIZED)
    };
    assert!(eventually(Duration::from_secs(10), gone).await);
    log_in(user, &kept).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_over_is_forgotten() -> Result<()> {
    let postgres = Postgres::start().await?;
    let blue = user(&postgres, "blue").await?;
    let credentials = register(&blue).await?;
    log_in(&blue, &credentials).await?;
    post(
        &blue,
        "/v1/sessions",
        &json!({ "email": "a@b", "password": "not this one" }),
    )
    .await?;
    let mut database = postgres.look().await?;
    for over in [
        "UPDATE users.sessions SET expires_at = now() - interval '1 second'",
        "UPDATE users.login_attempts SET began_at = now() - interval '25 hours'",
    ] {
        let aged = sqlx::query(over).execute(&mut database).await?;
        assert_eq!(aged.rows_affected(), 1);
    }
    log_in(&blue, &credentials).await?;
    let _starts_with_housekeeping = user(&postgres, "green").await?;
    let left = async || -> (i64, i64) {
        let count = "SELECT (SELECT count(*) FROM users.sessions),
            (SELECT count(*) FROM users.login_attempts)";
        let mut database = postgres.look().await.unwrap();
        sqlx::query_as(count)
            .fetch_one(&mut database)
            .await
            .unwrap()
    };
    let only_what_is_needed = async || left().await == (1, 0);
    assert!(eventually(Duration::from_secs(10), only_what_is_needed).await);
    Ok(())
}
