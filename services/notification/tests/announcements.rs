//! News of releases reach exactly those who want to hear them, once.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

use anyhow::{Context, Result};
use exchange_testkit::{EventStream, Exchange, ServiceProcess, Trader};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

async fn send(
    method: Method,
    url: String,
    by: &Trader,
    body: &Value,
) -> Result<(StatusCode, Value)> {
    let request = Client::new().request(method, url).bearer_auth(&by.token);
    let answer = request.json(body).send().await?;
    let status = answer.status();
    Ok((status, serde_json::from_str(&answer.text().await?)?))
}

async fn consent(exchange: &Exchange, by: &Trader, granted: bool) -> Result<()> {
    let body = json!({ "purpose": "announcements", "version": 1, "granted": granted });
    let url = exchange.user.url("/v1/users/me/consents");
    let (status, answer) = send(Method::POST, url, by, &body).await?;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    Ok(())
}

async fn prefer(exchange: &Exchange, by: &Trader, announcements: bool) -> Result<StatusCode> {
    let body = json!({ "fills": true, "announcements": announcements });
    let url = exchange.notification.url("/v1/preferences");
    Ok(send(Method::PUT, url, by, &body).await?.0)
}

async fn wanted(exchange: &Exchange, by: &Trader) -> Result<Value> {
    let url = exchange.notification.url("/v1/preferences");
    let (status, preferences) = exchange.get(url, by).await?;
    assert_eq!(status, StatusCode::OK, "{preferences}");
    Ok(preferences)
}

fn news(version: &str) -> Value {
    json!({ "version": version, "title": "Spreads", "text": "Books show their spread." })
}

async fn announce(at: &ServiceProcess, by: &Trader, news: &Value) -> Result<(StatusCode, Value)> {
    send(Method::POST, at.url("/v1/announcements"), by, news).await
}

/// Versions that someone was told of.
async fn heard(exchange: &Exchange, by: &Trader) -> Result<Vec<String>> {
    let url = exchange.notification.url("/v1/notifications");
    let (_, inbox) = exchange.get(url, by).await?;
    let all = inbox["notifications"].as_array().context("no inbox")?;
    let news = all.iter().filter(|n| n["kind"] == "announcement");
    let version = |n: &Value| n["payload"]["version"].as_str().unwrap().to_owned();
    Ok(news.map(version).collect())
}

#[tokio::test]
async fn whoever_agrees_hears_of_a_release_once_and_nobody_else_does() -> Result<()> {
    let exchange = Exchange::start().await?;
    let operator = exchange.operator().await?;
    let silent = exchange.sign_up().await?;
    let (agrees, left, muted, gone) = (
        exchange.sign_up().await?,
        exchange.sign_up().await?,
        exchange.sign_up().await?,
        exchange.sign_up().await?,
    );
    for trader in [&agrees, &left, &muted, &gone] {
        consent(&exchange, trader, true).await?;
    }
    consent(&exchange, &left, false).await?;
    assert_eq!(prefer(&exchange, &muted, false).await?, StatusCode::OK);
    let erasure = format!("/internal/accounts/{}/erasure", gone.id);
    let erasure = exchange.notification.url(&erasure);
    let erased = exchange.http.post(erasure).bearer_auth(&gone.token);
    assert_eq!(erased.send().await?.status(), StatusCode::NO_CONTENT);

    let mut stream = EventStream::open(&exchange.notification, &agrees, None).await?;
    // By both colours at once, and again.
    let green = exchange.another_notification("green").await?;
    let news = news("2.0.0");
    let at_once = tokio::try_join!(
        announce(&exchange.notification, &operator, &news),
        announce(&green, &operator, &news),
    )?;
    let again = announce(&green, &operator, &news).await?;
    for (status, answer) in [at_once.0, at_once.1, again] {
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(answer["finishedAt"].is_string(), "{answer}");
    }
    assert_eq!(heard(&exchange, &agrees).await?, ["2.0.0"]);
    for trader in [&silent, &left, &muted, &gone, &operator] {
        assert_eq!(heard(&exchange, trader).await?, Vec::<String>::new());
    }
    let event = stream.next().await?.context("ended")?;
    assert_eq!(event.kind, "announcement");
    assert_eq!(event.data["payload"]["title"], "Spreads");
    Ok(())
}

#[tokio::test]
async fn preferences_obey_consent() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    let expect = |announcements: bool| json!({ "fills": true, "announcements": announcements });
    assert_eq!(wanted(&exchange, &ada).await?, expect(false));
    assert_eq!(prefer(&exchange, &ada, true).await?, StatusCode::CONFLICT);
    consent(&exchange, &ada, true).await?;
    assert_eq!(wanted(&exchange, &ada).await?, expect(true));
    assert_eq!(prefer(&exchange, &ada, false).await?, StatusCode::OK);
    assert_eq!(wanted(&exchange, &ada).await?, expect(false));
    assert_eq!(prefer(&exchange, &ada, true).await?, StatusCode::OK);
    assert_eq!(wanted(&exchange, &ada).await?, expect(true));
    consent(&exchange, &ada, false).await?;
    assert_eq!(wanted(&exchange, &ada).await?, expect(false));
    Ok(())
}

#[tokio::test]
async fn what_is_no_good_announcement_is_refused() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (operator, ada) = (exchange.operator().await?, exchange.sign_up().await?);
    let at = &exchange.notification;
    let (status, _) = announce(at, &ada, &news("2.0.0")).await?;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let listed = exchange.get(at.url("/v1/announcements"), &ada).await?;
    assert_eq!(listed.0, StatusCode::FORBIDDEN);
    assert_eq!(
        announce(at, &operator, &news("2.0.0")).await?.0,
        StatusCode::OK
    );
    let mut other = news("2.0.0");
    other["title"] = json!("Something else");
    let mut unknown = news("3.0.0");
    unknown["colour"] = json!("red");
    for (body, expected) in [
        (other, StatusCode::CONFLICT),
        (unknown, StatusCode::BAD_REQUEST),
        (news(""), StatusCode::UNPROCESSABLE_ENTITY),
        (news(&"9".repeat(65)), StatusCode::UNPROCESSABLE_ENTITY),
        (news("3\u{0}"), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let (status, problem) = announce(at, &operator, &body).await?;
        assert_eq!(status, expected, "{problem}");
        assert!(problem["detail"].is_string(), "{problem}");
    }
    let (_, listed) = exchange.get(at.url("/v1/announcements"), &operator).await?;
    let all = listed["announcements"].as_array().unwrap();
    assert_eq!((all.len(), &all[0]["version"]), (1, &json!("2.0.0")));
    Ok(())
}
