//! A person who uses the exchange: through its live Services, or those of one colour.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use changeover_cluster::Cluster;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::say::while_waiting;
use crate::stage::{RELEASE, Stage};
use crate::watch;

const PASSWORD: &str = "correct horse battery staple";

/// Where a person's requests go, each on a connection of its own.
pub struct Doors<'a> {
    cluster: &'a Cluster,
    user: String,
    trade: String,
    notification: String,
}

/// Someone who has an account and is logged in.
pub struct Person {
    pub email: String,
    pub id: String,
    token: String,
}

/// A status, and a body if it was JSON.
pub type Answer = (StatusCode, Value);

impl<'a> Doors<'a> {
    /// The live Services.
    ///
    /// # Errors
    /// If they are not there.
    pub async fn live(stage: &Stage<'a>) -> Result<Self> {
        Self::with(stage, "").await
    }

    /// The Services of one colour.
    ///
    /// # Errors
    /// If they are not there.
    pub async fn of(stage: &Stage<'a>, colour: &str) -> Result<Self> {
        Self::with(stage, &format!("-{colour}")).await
    }

    async fn with(stage: &Stage<'a>, suffix: &str) -> Result<Self> {
        let url = async |service: &str| {
            let name = format!("{RELEASE}-{service}{suffix}");
            anyhow::Ok(format!("http://{}:8080", stage.address(&name).await?))
        };
        let doors = Self {
            cluster: stage.cluster(),
            user: url("user").await?,
            trade: url("trade").await?,
            notification: url("notification").await?,
        };
        let open = while_waiting("waiting for kube-proxy", String::new, doors.open());
        tokio::time::timeout(Duration::from_secs(20), open)
            .await
            .context("a Service is not routed")?;
        Ok(doors)
    }

    /// kube-proxy follows the EndpointSlices on its own: a release may be ready before it is.
    async fn open(&self) {
        for door in [&self.user, &self.trade, &self.notification] {
            let version = || format!("{door}/version");
            while self.send(Method::GET, version(), None, None).is_err() {
                watch::pause().await;
            }
        }
    }

    /// Registers someone and logs them in.
    ///
    /// # Errors
    /// If user refuses.
    pub fn sign_up(&self) -> Result<Person> {
        let email = format!("{}@example.org", Uuid::new_v4());
        let credentials = json!({ "email": email, "password": PASSWORD });
        let url = format!("{}/v1/users", self.user);
        ok(self.send(Method::POST, url, None, Some(credentials))?)?;
        let session = ok(self.log_in(&email)?)?;
        let text = |field: &str| {
            session
                .get(field)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Ok(Person {
            email,
            id: text("userId").context("no userId")?,
            token: text("token").context("no token")?,
        })
    }

    /// Logs in, or tries to.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn log_in(&self, email: &str) -> Result<Answer> {
        let credentials = json!({ "email": email, "password": PASSWORD });
        let url = format!("{}/v1/sessions", self.user);
        self.send(Method::POST, url, None, Some(credentials))
    }

    /// Agrees to hear of releases.
    ///
    /// # Errors
    /// If user refuses.
    pub fn consent(&self, person: &Person) -> Result<Value> {
        let said = json!({ "purpose": "announcements", "version": 1, "granted": true });
        ok(self.at_user(Method::POST, "/v1/users/me/consents", person, Some(said))?)
    }

    /// Deposits test funds.
    ///
    /// # Errors
    /// If trade refuses.
    pub fn deposit(&self, person: &Person, asset: &str, amount: &str) -> Result<Value> {
        let funds = json!({ "asset": asset, "amount": amount });
        let url = format!("{}/v1/deposits", self.trade);
        ok(self.send(Method::POST, url, Some(person), Some(funds))?)
    }

    /// Places a limit order at a price of 10 EUR, or tries to.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn order(&self, person: &Person, side: &str, quantity: &str) -> Result<Answer> {
        let order =
            json!({ "market": "BTC-EUR", "side": side, "price": "10", "quantity": quantity });
        let url = format!("{}/v1/orders", self.trade);
        self.send(Method::POST, url, Some(person), Some(order))
    }

    /// The order book.
    ///
    /// # Errors
    /// If trade refuses.
    pub fn book(&self, person: &Person) -> Result<Value> {
        let url = format!("{}/v1/markets/BTC-EUR/book", self.trade);
        ok(self.send(Method::GET, url, Some(person), None)?)
    }

    /// The person's notifications.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn inbox(&self, person: &Person) -> Result<Answer> {
        let url = format!("{}/v1/notifications", self.notification);
        self.send(Method::GET, url, Some(person), None)
    }

    /// Everything that the exchange holds about the person.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn export(&self, person: &Person) -> Result<Answer> {
        self.at_user(Method::GET, "/v1/users/me/export", person, None)
    }

    /// Erases the person.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn erase(&self, person: &Person) -> Result<Answer> {
        let proof = json!({ "password": PASSWORD });
        self.at_user(Method::POST, "/v1/users/me/erasure", person, Some(proof))
    }

    fn at_user(
        &self,
        method: Method,
        path: &str,
        person: &Person,
        body: Option<Value>,
    ) -> Result<Answer> {
        self.send(method, format!("{}{path}", self.user), Some(person), body)
    }

    fn send(
        &self,
        method: Method,
        url: String,
        person: Option<&Person>,
        body: Option<Value>,
    ) -> Result<Answer> {
        let token = person.map(|person| person.token.clone());
        let exchange = async move {
            let mut request = Client::new().request(method, url);
            request = request.header("idempotency-key", Uuid::new_v4().to_string());
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body {
                request = request.json(&body);
            }
            let answer = request.send().await?;
            let status = answer.status();
            let text = answer.text().await?;
            Ok((status, serde_json::from_str(&text).unwrap_or_default()))
        };
        self.cluster.in_network(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build()?.block_on(exchange)
        })
    }
}

fn ok((status, body): Answer) -> Result<Value> {
    ensure!(status.is_success(), "{status} {body}");
    Ok(body)
}
