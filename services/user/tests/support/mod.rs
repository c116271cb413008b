//! What several of these tests need: a user service of its own, and people who talk to it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test uses a part; helpers of tests fail the test as the tests themselves do"
)]

use anyhow::Result;
use exchange_testkit::{Exchange, PASSWORD, Postgres, ServiceProcess};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

pub type Answer = (StatusCode, Value);

/// A database, and one process of each colour on it.
pub struct Colours {
    pub postgres: Postgres,
    pub blue: ServiceProcess,
    pub green: ServiceProcess,
}

impl Colours {
    pub async fn start() -> Result<Self> {
        let postgres = Postgres::start().await?;
        let blue = user(&postgres, "blue").await?;
        let green = user(&postgres, "green").await?;
        Ok(Self {
            postgres,
            blue,
            green,
        })
    }
}

/// A user service of a colour.
pub async fn user(postgres: &Postgres, colour: &str) -> Result<ServiceProcess> {
    let url = postgres.url();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("EXCHANGE_COLOUR", colour),
        ("LOG_LEVEL", "debug"),
        ("LAME_DUCK_SECONDS", "1"),
    ];
    ServiceProcess::start("user-service", &settings).await
}

/// Sends a request, with a token where there is one; an answer without a body is null.
pub async fn send(
    method: Method,
    url: String,
    token: Option<&str>,
    body: Option<&Value>,
) -> Result<Answer> {
    let mut request = Client::new().request(method, url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    Ok((status, serde_json::from_str(&text).unwrap_or_default()))
}

pub async fn post(at: &ServiceProcess, path: &str, body: &Value) -> Result<Answer> {
    send(Method::POST, at.url(path), None, Some(body)).await
}

pub async fn get(at: &ServiceProcess, path: &str, token: &str) -> Result<Answer> {
    send(Method::GET, at.url(path), Some(token), None).await
}

/// An email that nobody has yet.
pub fn email() -> String {
    format!("canary-{}@example.org", Uuid::new_v4())
}

/// Registers someone; answers what they log in with.
pub async fn register(at: &ServiceProcess) -> Result<Value> {
    let credentials = json!({ "email": email(), "password": PASSWORD });
    let (status, answer) = post(at, "/v1/users", &credentials).await?;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    Ok(credentials)
}

/// Logs someone in; answers the session.
pub async fn log_in(at: &ServiceProcess, credentials: &Value) -> Result<Value> {
    let (status, session) = post(at, "/v1/sessions", credentials).await?;
    assert_eq!(status, StatusCode::CREATED, "{session}");
    Ok(session)
}

pub fn token(session: &Value) -> &str {
    session["token"].as_str().unwrap()
}

/// Makes someone an operator, as whoever keeps the database would.
pub async fn promote(postgres: &Postgres, session: &Value) -> Result<()> {
    let id: Uuid = session["userId"].as_str().unwrap().parse()?;
    sqlx::query("UPDATE users.accounts SET roles = '{trader,operator}' WHERE id = $1")
        .bind(id)
        .execute(&mut postgres.look().await?)
        .await?;
    Ok(())
}

/// Someone who runs the exchange, with a token that says so.
pub async fn operator(postgres: &Postgres, at: &ServiceProcess) -> Result<Value> {
    let credentials = register(at).await?;
    promote(postgres, &log_in(at, &credentials).await?).await?;
    log_in(at, &credentials).await
}

/// One more user service beside that of an exchange.
pub async fn user_beside(exchange: &Exchange, colour: &str) -> Result<ServiceProcess> {
    let (url, [trade, notification]) = (exchange.postgres.url(), &exchange.overheard);
    let (trade, notification) = (trade.url(), notification.url());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("EXCHANGE_COLOUR", colour),
        ("LOG_LEVEL", "debug"),
        ("TRADE_URL", trade.as_str()),
        ("NOTIFICATION_URL", notification.as_str()),
    ];
    ServiceProcess::start("user-service", &settings).await
}

/// Everything that stands in the tables of all services, as text; what is sealed, as hex.
pub async fn dump(postgres: &Postgres) -> Result<String> {
    let mut database = postgres.look().await?;
    let statement = "SELECT table_schema || '.' || table_name FROM information_schema.tables
         WHERE table_schema IN ('users', 'trade', 'notification') ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(statement)
        .fetch_all(&mut database)
        .await?;
    let mut dump = String::new();
    for table in tables {
        let rows = format!("SELECT '{table} ' || t::text FROM {table} AS t");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(rows))
            .fetch_all(&mut database)
            .await?;
        for row in rows {
            dump.push_str(&row);
            dump.push('\n');
        }
    }
    Ok(dump)
}
