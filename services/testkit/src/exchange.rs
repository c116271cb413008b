//! A whole exchange of one process of each service, and the people who use it.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use exchange_platform::{SigningKey, Subject};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::postgres::Postgres;
use crate::process::ServiceProcess;
use crate::relay::Relay;

/// One process of each service over one database.
pub struct Exchange {
    pub user: ServiceProcess,
    pub notification: ServiceProcess,
    pub trade: ServiceProcess,
    pub http: Client,
    pub postgres: Postgres,
    /// What user says to trade, and what it says to notification.
    pub overheard: [Relay; 2],
}

/// Someone who has an account and is logged in.
#[derive(Clone)]
pub struct Trader {
    pub id: String,
    pub email: String,
    pub token: String,
}

/// Shorter than in a cluster, where clients need the time.
const LAME_DUCK_SECONDS: &str = "2";

/// The password of every [`Trader`].
pub const PASSWORD: &str = "canary-password-71a4";

impl Exchange {
    /// Starts everything, as colour blue.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start() -> Result<Self> {
        Self::start_logging("debug").await
    }

    /// Starts everything, as colour blue, with this level of logging.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start_logging(level: &str) -> Result<Self> {
        let postgres = Postgres::start().await?;
        let overheard = [Relay::open().await?, Relay::open().await?];
        let (url, [to_trade, to_notification]) = (postgres.url(), &overheard);
        let (trade_url, notification_url) = (to_trade.url(), to_notification.url());
        let base = [
            ("DATABASE_URL", url.as_str()),
            ("EXCHANGE_COLOUR", "blue"),
            ("LOG_LEVEL", level),
            ("LAME_DUCK_SECONDS", LAME_DUCK_SECONDS),
            ("TRADE_URL", trade_url.as_str()),
            ("NOTIFICATION_URL", notification_url.as_str()),
        ];
        let user = ServiceProcess::start("user-service", &base).await?;
        let user_url = user.url("");
        let with_user = [&base[..], &[("USER_URL", user_url.as_str())]].concat();
        let notification = ServiceProcess::start("notification-service", &with_user).await?;
        let trade = trade(&url, &user, &notification, "blue", level).await?;
        to_trade.lead_to(trade.port());
        to_notification.lead_to(notification.port());
        let http = Client::new();
        Ok(Self {
            user,
            notification,
            trade,
            http,
            postgres,
            overheard,
        })
    }

    /// One more trade process beside the first.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn another_trade(&self, colour: &str) -> Result<ServiceProcess> {
        let database = self.postgres.url();
        trade(&database, &self.user, &self.notification, colour, "debug").await
    }

    /// One more notification process beside the first.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn another_notification(&self, colour: &str) -> Result<ServiceProcess> {
        let (database, user) = (self.postgres.url(), self.user.url(""));
        let settings = [
            ("DATABASE_URL", database.as_str()),
            ("EXCHANGE_COLOUR", colour),
            ("EXCHANGE_VERSION", "2.0.0"),
            ("LOG_LEVEL", "debug"),
            ("LAME_DUCK_SECONDS", LAME_DUCK_SECONDS),
            ("USER_URL", user.as_str()),
        ];
        ServiceProcess::start("notification-service", &settings).await
    }

    /// Signs a token for anyone, with the key that user keeps in the database, valid from now on for
    /// some seconds; negative ones are over.
    ///
    /// # Errors
    /// When there is no key.
    pub async fn token(&self, subject: &Subject, seconds: i64) -> Result<String> {
        let mut database = self.postgres.look().await?;
        let newest =
            "SELECT kid, private_key FROM users.signing_keys ORDER BY created_at DESC LIMIT 1";
        let (kid, pkcs8): (String, Vec<u8>) =
            sqlx::query_as(newest).fetch_one(&mut database).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let from = now.saturating_add_signed(seconds.min(0));
        let key = SigningKey::from_pkcs8(kid, &pkcs8)?;
        Ok(key.sign_for(subject.clone(), from, seconds.max(0).unsigned_abs())?)
    }

    /// Someone who runs the exchange.
    ///
    /// # Errors
    /// When user refuses.
    pub async fn operator(&self) -> Result<Trader> {
        let mut operator = self.sign_up().await?;
        let mut subject = Subject {
            user: operator.id.parse()?,
            ..Subject::default()
        };
        subject.roles.push("operator".to_owned());
        operator.token = self.token(&subject, 600).await?;
        Ok(operator)
    }

    /// Registers someone new and logs them in.
    ///
    /// # Errors
    /// When user refuses.
    pub async fn sign_up(&self) -> Result<Trader> {
        let email = format!("canary-{}@example.org", Uuid::new_v4());
        let credentials = json!({ "email": email, "password": PASSWORD });
        let (status, answer) = send(
            self.http
                .post(self.user.url("/v1/users"))
                .json(&credentials),
        )
        .await?;
        ensure!(
            status == StatusCode::CREATED,
            "registration: {status} {answer}"
        );
        let login = self
            .http
            .post(self.user.url("/v1/sessions"))
            .json(&credentials);
        let (status, session) = send(login).await?;
        ensure!(status == StatusCode::CREATED, "login: {status} {session}");
        let field = |name: &str| session.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Trader {
            id: field("userId").context("no userId")?,
            token: field("token").context("no token")?,
            email,
        })
    }

    /// Deposits test funds.
    ///
    /// # Errors
    /// When trade refuses.
    pub async fn deposit(&self, trader: &Trader, asset: &str, amount: &str) -> Result<()> {
        let body = json!({ "asset": asset, "amount": amount });
        let request = self.http.post(self.trade.url("/v1/deposits")).json(&body);
        let request = request.header("idempotency-key", Uuid::new_v4().to_string());
        let (status, answer) = send(request.bearer_auth(&trader.token)).await?;
        ensure!(status == StatusCode::CREATED, "deposit: {status} {answer}");
        Ok(())
    }

    /// Places an order for BTC-EUR at one of the trade processes.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn order(
        &self,
        at: &ServiceProcess,
        trader: &Trader,
        key: &str,
        (side, price, quantity): (&str, &str, &str),
    ) -> Result<(StatusCode, Value)> {
        let body =
            json!({ "market": "BTC-EUR", "side": side, "price": price, "quantity": quantity });
        let request = self.http.post(at.url("/v1/orders")).json(&body);
        send(
            request
                .header("idempotency-key", key)
                .bearer_auth(&trader.token),
        )
        .await
    }

    /// Asks one of the services for something.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, url: String, trader: &Trader) -> Result<(StatusCode, Value)> {
        send(self.http.get(url).bearer_auth(&trader.token)).await
    }
}

async fn trade(
    database: &str,
    user: &ServiceProcess,
    notification: &ServiceProcess,
    colour: &str,
    level: &str,
) -> Result<ServiceProcess> {
    let (user, notification) = (user.url(""), notification.url(""));
    let settings = [
        ("DATABASE_URL", database),
        ("EXCHANGE_COLOUR", colour),
        ("EXCHANGE_VERSION", "2.0.0"),
        ("LOG_LEVEL", level),
        ("LAME_DUCK_SECONDS", LAME_DUCK_SECONDS),
        ("USER_URL", user.as_str()),
        ("NOTIFICATION_URL", notification.as_str()),
    ];
    ServiceProcess::start("trade-service", &settings).await
}

async fn send(request: RequestBuilder) -> Result<(StatusCode, Value)> {
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    Ok((
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    ))
}
