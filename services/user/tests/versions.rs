//! The version before this one goes on working on this schema: its statements, word for word.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{PASSWORD, Postgres, ServiceProcess, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{PgConnection, query_as, query_scalar};
use uuid::Uuid;

use support::*;

const REGISTER: &str = "INSERT INTO users.accounts (id, email, password_hash) VALUES ($1, $2, $3)
     ON CONFLICT (email) DO NOTHING RETURNING id";
const LOG_IN: &str = "SELECT id, password_hash FROM users.accounts WHERE email = $1";
const PROFILE: &str = "SELECT id, email, standing,
        (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros
     FROM users.accounts WHERE id = $1";
const STANDING: &str = "SELECT standing FROM users.accounts WHERE id = $1";
const SIGNING_KEY: &str = "SELECT kid, private_key FROM users.signing_keys
     ORDER BY created_at DESC, kid LIMIT 1";
const SIGNING_KEYS: &str =
    "SELECT kid, private_key FROM users.signing_keys ORDER BY created_at, kid";

/// A registration as the version before does it, with a hash that this one made.
async fn old_registration(
    database: &mut PgConnection,
    email: &str,
    hash: &str,
) -> Result<Option<Uuid>> {
    let insert = query_scalar(REGISTER).bind(Uuid::now_v7()).bind(email);
    Ok(insert.bind(hash).fetch_optional(database).await?)
}

async fn old_login(database: &mut PgConnection, email: &Value) -> Result<Option<(Uuid, String)>> {
    let login = query_as(LOG_IN).bind(email.as_str());
    Ok(login.fetch_optional(database).await?)
}

async fn user_that_keeps_plain_emails(postgres: &Postgres) -> Result<ServiceProcess> {
    let url = postgres.url();
    let settings = [("DATABASE_URL", url.as_str()), ("PLAIN_EMAILS", "true")];
    ServiceProcess::start("user-service", &settings).await
}

#[tokio::test]
async fn both_versions_register_and_log_in_the_same_people() -> Result<()> {
    let postgres = Postgres::start().await?;
    let user = user_that_keeps_plain_emails(&postgres).await?;
    let mut database = postgres.look().await?;
    let credentials = register(&user).await?;
    let session = log_in(&user, &credentials).await?;

    // The version before finds whom this one registered, and refuses the same email.
    let (id, hash) = old_login(&mut database, &credentials["email"])
        .await?
        .unwrap();
    assert_eq!(json!(id), session["userId"]);
    let email = credentials["email"].as_str().unwrap();
    assert_eq!(old_registration(&mut database, email, &hash).await?, None);
    let (_, shown, standing, _): (Uuid, String, String, i64) =
        query_as(PROFILE).bind(id).fetch_one(&mut database).await?;
    assert_eq!((shown.as_str(), standing.as_str()), (email, "good"));
    let restriction = user.url("/v1/users/me/restriction");
    send(
        reqwest::Method::PUT,
        restriction,
        Some(token(&session)),
        None,
    )
    .await?;
    let standing: String = query_scalar(STANDING)
        .bind(id)
        .fetch_one(&mut database)
        .await?;
    assert_eq!(standing, "restricted");

    // This one finds whom the version before registered, and refuses the same email.
    let old = json!({ "email": "old@example.org", "password": PASSWORD });
    let old_id = old_registration(&mut database, "old@example.org", &hash).await?;
    assert_eq!(json!(old_id), log_in(&user, &old).await?["userId"]);
    let (status, _) = post(&user, "/v1/users", &old).await?;
    assert_eq!(status, StatusCode::CONFLICT);

    let newest: (String, Vec<u8>) = query_as(SIGNING_KEY).fetch_one(&mut database).await?;
    let all: Vec<(String, Vec<u8>)> = query_as(SIGNING_KEYS).fetch_all(&mut database).await?;
    assert_eq!(all, [newest]);
    Ok(())
}

#[tokio::test]
async fn once_the_version_before_is_gone_no_email_stays_readable() -> Result<()> {
    let postgres = Postgres::start().await?;
    let beside = user_that_keeps_plain_emails(&postgres).await?;
    let mut database = postgres.look().await?;
    let new = register(&beside).await?;
    let (_, hash) = old_login(&mut database, &new["email"]).await?.unwrap();
    let old = json!({ "email": "old@example.org", "password": PASSWORD });
    old_registration(&mut database, "old@example.org", &hash).await?;
    let readable = dump(&postgres).await?;
    assert!(readable.contains("old@example.org"));
    drop(beside);

    let alone = user(&postgres, "green").await?;
    let sealed = async || {
        let dump = dump(&postgres).await.unwrap();
        let emails = [&old["email"], &new["email"]].map(|email| email.as_str().unwrap());
        emails.iter().all(|email| !dump.contains(email))
    };
    assert!(eventually(Duration::from_secs(10), sealed).await);
    for credentials in [&old, &new] {
        let session = log_in(&alone, credentials).await?;
        let (_, me) = get(&alone, "/v1/users/me", token(&session)).await?;
        assert_eq!(me["email"], credentials["email"]);
        let (status, _) = post(&alone, "/v1/users", credentials).await?;
        assert_eq!(status, StatusCode::CONFLICT);
    }
    Ok(())
}

#[tokio::test]
async fn the_version_before_does_not_know_whom_this_one_erased() -> Result<()> {
    let postgres = Postgres::start().await?;
    let user = user_that_keeps_plain_emails(&postgres).await?;
    let mut database = postgres.look().await?;
    let credentials = register(&user).await?;
    let session = log_in(&user, &credentials).await?;
    let url = user.url("/v1/users/me/erasure");
    let proof = json!({ "password": PASSWORD });
    let (status, _) = send(
        reqwest::Method::POST,
        url,
        Some(token(&session)),
        Some(&proof),
    )
    .await?;
    assert_eq!(status, StatusCode::ACCEPTED, "there is no trade here");
    assert_eq!(old_login(&mut database, &credentials["email"]).await?, None);
    let id: Uuid = session["userId"].as_str().unwrap().parse()?;
    let standing: Option<String> = query_scalar(STANDING)
        .bind(id)
        .fetch_optional(&mut database)
        .await?;
    assert_eq!(standing, None);
    Ok(())
}
