//! The user service as clients see it, over a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{PASSWORD, Postgres, ServiceProcess};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

async fn post(url: String, body: &Value) -> Result<(StatusCode, Value)> {
    let answer = Client::new().post(url).json(body).send().await?;
    Ok((answer.status(), answer.json().await?))
}

#[tokio::test]
async fn people_register_log_in_and_see_their_profile() -> Result<()> {
    let postgres = Postgres::start().await?;
    let url = postgres.url();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("EXCHANGE_COLOUR", "green"),
        ("EXCHANGE_VERSION", "2.0.0"),
        ("EXCHANGE_FEATURES", "member-since"),
        ("LOG_LEVEL", "debug"),
    ];
    let user = ServiceProcess::start("user-service", &settings).await?;
    let account = json!({ "email": "Canary@Example.org", "password": PASSWORD });

    let (status, registered) = post(user.url("/v1/users"), &account).await?;
    assert_eq!(status, StatusCode::CREATED, "{registered}");
    let again = json!({ "email": "canary@example.org", "password": PASSWORD });
    let (status, problem) = post(user.url("/v1/users"), &again).await?;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &json!("/problems/email-taken"))
    );

    let wrong = json!({ "email": "canary@example.org", "password": "wrong password" });
    let unknown = json!({ "email": "nobody@example.org", "password": PASSWORD });
    for refused in [wrong, unknown] {
        assert_eq!(
            post(user.url("/v1/sessions"), &refused).await?.0,
            StatusCode::UNAUTHORIZED
        );
    }
    let (status, session) = post(user.url("/v1/sessions"), &account).await?;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(session["userId"], registered["id"]);
    let token = session["token"].as_str().unwrap();

    let get = |path: &str| Client::new().get(user.url(path)).bearer_auth(token).send();
    let me: Value = get("/v1/users/me").await?.json().await?;
    assert_eq!(
        (&me["email"], &me["standing"]),
        (&json!("canary@example.org"), &json!("good"))
    );
    assert!(me["memberSince"].as_str().unwrap().ends_with('Z'), "{me}");
    let answer = get("/v1/standing").await?;
    assert_eq!(answer.headers()["x-exchange-hops"], "user/2.0.0/green");
    assert_eq!(answer.headers()["x-exchange-colour"], "green");
    let standing: Value = answer.json().await?;
    assert_eq!(
        standing,
        json!({ "userId": registered["id"], "standing": "good" })
    );

    let keys: Value = reqwest::get(user.url("/.well-known/jwks.json"))
        .await?
        .json()
        .await?;
    assert_eq!(keys["keys"][0]["crv"], "Ed25519");
    assert!(
        keys["keys"][0].get("d").is_none(),
        "the private part must stay private"
    );

    let log = user.output();
    for secret in [PASSWORD, "canary", "Canary", token, "wrong password"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    Ok(())
}

#[tokio::test]
async fn two_replicas_accept_each_others_tokens_and_restarts_keep_them() -> Result<()> {
    let postgres = Postgres::start().await?;
    let url = postgres.url();
    let settings = [("DATABASE_URL", url.as_str())];
    let (one, two) = tokio::join!(
        ServiceProcess::start("user-service", &settings),
        ServiceProcess::start("user-service", &settings),
    );
    let (one, two) = (one?, two?);
    let account = json!({ "email": "a@example.org", "password": PASSWORD });
    post(one.url("/v1/users"), &account).await?;
    let (_, session) = post(one.url("/v1/sessions"), &account).await?;
    let token = session["token"].as_str().unwrap();
    drop(one);
    let three = ServiceProcess::start("user-service", &settings).await?;
    for process in [&two, &three] {
        let answer = Client::new()
            .get(process.url("/v1/users/me"))
            .bearer_auth(token);
        assert_eq!(answer.send().await?.status(), StatusCode::OK);
    }
    Ok(())
}

#[tokio::test]
async fn without_a_database_it_says_what_to_check_and_exits_with_1() -> Result<()> {
    let settings = [(
        "DATABASE_URL",
        "postgres://someone:canary-secret@127.0.0.1:1/exchange",
    )];
    let mut user = ServiceProcess::spawn("user-service", &settings)?;
    let status = user.exit(Duration::from_secs(30)).await?;
    assert_eq!(status.code(), Some(1));
    let output = user.output();
    let said = output
        .lines()
        .find(|line| line.starts_with("no PostgreSQL at 127.0.0.1:1 "));
    assert!(
        said.is_some_and(|line| line.contains("Check that it runs")),
        "{output}"
    );
    assert!(!output.contains("canary-secret"));
    Ok(())
}

#[tokio::test]
async fn a_lost_database_is_a_503_that_passes() -> Result<()> {
    let mut postgres = Postgres::start().await?;
    let url = postgres.url();
    let user = ServiceProcess::start("user-service", &[("DATABASE_URL", &url)]).await?;
    let account = json!({ "email": "a@example.org", "password": PASSWORD });
    postgres.stop();
    let answer = Client::new()
        .post(user.url("/v1/users"))
        .json(&account)
        .send()
        .await?;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");
    let not_ready = async || {
        let answer = reqwest::get(user.admin("/readyz")).await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE)
    };
    assert!(exchange_testkit::eventually(Duration::from_secs(10), not_ready).await);
    postgres.restart().await?;
    let ready = async || {
        reqwest::get(user.admin("/readyz"))
            .await
            .is_ok_and(|a| a.status() == 200)
    };
    assert!(exchange_testkit::eventually(Duration::from_secs(10), ready).await);
    assert_eq!(
        post(user.url("/v1/users"), &account).await?.0,
        StatusCode::CREATED
    );
    Ok(())
}

#[tokio::test]
async fn the_broken_image_is_ready_and_answers_a_wrong_version() -> Result<()> {
    let postgres = Postgres::start().await?;
    let url = postgres.url();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("EXCHANGE_VERSION", "3.0.0"),
        ("EXCHANGE_FAULT", "wrong-version"),
    ];
    let user = ServiceProcess::start("user-service", &settings).await?;
    let version: Value = reqwest::get(user.url("/version")).await?.json().await?;
    assert_eq!(version["version"], "0.0.0-broken");
    assert_eq!(
        reqwest::get(user.admin("/readyz")).await?.status(),
        StatusCode::OK
    );
    Ok(())
}
