//! What is held about one person, and what is left after an erasure.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

use std::time::Duration;

use anyhow::Result;
use exchange_platform::Subject;
use exchange_testkit::{Exchange, Trader, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

async fn deliver(exchange: &Exchange, users: &[&Trader]) -> Result<()> {
    let event = |user: &&Trader| {
        json!({ "id": Uuid::new_v4(), "kind": "fill", "userId": user.id, "payload": {},
            "colour": "blue" })
    };
    let events: Vec<Value> = users.iter().map(event).collect();
    let url = exchange.notification.url("/internal/events");
    let answer = exchange.http.post(url).json(&events).send().await?;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    Ok(())
}

async fn export(exchange: &Exchange, by: &Trader, query: &str) -> Result<(StatusCode, Value)> {
    let path = format!("/internal/accounts/{query}");
    exchange.get(exchange.notification.url(&path), by).await
}

#[tokio::test]
async fn an_export_holds_all_notifications_of_one_person_page_by_page() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (ada, bob) = (exchange.sign_up().await?, exchange.sign_up().await?);
    deliver(&exchange, &[&ada, &bob, &ada, &ada]).await?;
    let (_, first) = export(&exchange, &ada, &format!("{}/export?limit=2", ada.id)).await?;
    let next = first["next"].as_str().unwrap();
    let query = format!("{}/export?limit=2&after={next}", ada.id);
    let (_, second) = export(&exchange, &ada, &query).await?;
    let length = |page: &Value| page["notifications"].as_array().unwrap().len();
    assert_eq!((length(&first), length(&second)), (2, 1));
    assert!(second.get("next").is_none());

    let (status, _) = export(&exchange, &bob, &format!("{}/export", ada.id)).await?;
    assert_eq!(status, StatusCode::FORBIDDEN, "someone else's");
    let mut service = bob.clone();
    let subject = Subject {
        roles: vec!["service".to_owned()],
        ..Subject::default()
    };
    service.token = exchange.token(&subject, 60).await?;
    let (status, all) = export(&exchange, &service, &format!("{}/export", ada.id)).await?;
    assert_eq!((status, length(&all)), (StatusCode::OK, 3));
    Ok(())
}

#[tokio::test]
async fn old_notifications_go_and_those_of_journeys_after_a_day() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    let mut database = exchange.postgres.look().await?;
    for (name, age, synthetic) in [
        ("old", "366 days", false),
        ("kept", "364 days", false),
        ("journey", "25 hours", true),
        ("new journey", "23 hours", true),
    ] {
        let statement = "INSERT INTO notification.notifications
                 (id, user_id, kind, payload, colour, synthetic, created_at)
             VALUES ($1, $2, $3, '{}', 'blue', $4, now() - $5::interval)";
        sqlx::query(statement)
            .bind(Uuid::new_v4())
            .bind(ada.id.parse::<Uuid>()?)
            .bind(name)
            .bind(synthetic)
            .bind(age)
            .execute(&mut database)
            .await?;
    }
    let _starts_with_retention = exchange.another_notification("green").await?;
    let only_what_is_kept = async || {
        let path = format!("{}/export", ada.id);
        let (_, all) = export(&exchange, &ada, &path).await.unwrap();
        let left = all["notifications"].as_array().unwrap().iter();
        let kinds: Vec<_> = left.map(|left| left["kind"].as_str().unwrap()).collect();
        kinds == ["kept", "new journey"]
    };
    assert!(eventually(Duration::from_secs(10), only_what_is_kept).await);
    Ok(())
}

#[tokio::test]
async fn whoever_is_erased_is_forgotten_and_hears_nothing_more() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (ada, bob) = (exchange.sign_up().await?, exchange.sign_up().await?);
    deliver(&exchange, &[&ada, &bob]).await?;
    let mut database = exchange.postgres.look().await?;
    sqlx::query(
        "INSERT INTO notification.preferences (user_id, fills, announcements, synthetic)
         VALUES ($1, true, true, false)",
    )
    .bind(ada.id.parse::<Uuid>()?)
    .execute(&mut database)
    .await?;
    let erasure = format!("/internal/accounts/{}/erasure", ada.id);
    let erase = async |by: &Trader| -> Result<StatusCode> {
        let request = exchange.http.post(exchange.notification.url(&erasure));
        Ok(request.bearer_auth(&by.token).send().await?.status())
    };
    assert_eq!(erase(&bob).await?, StatusCode::FORBIDDEN);
    // Twice is harmless.
    for _ in 0..2 {
        assert_eq!(erase(&ada).await?, StatusCode::NO_CONTENT);
    }
    deliver(&exchange, &[&ada, &bob]).await?;
    let (_, left) = export(&exchange, &ada, &format!("{}/export", ada.id)).await?;
    assert_eq!(left, json!({ "notifications": [] }));
    let (_, others) = export(&exchange, &bob, &format!("{}/export", bob.id)).await?;
    assert_eq!(others["notifications"].as_array().unwrap().len(), 2);
    Ok(())
}
