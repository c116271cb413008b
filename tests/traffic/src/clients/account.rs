//! One trader: an account at the exchange, its session and its own connections.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use uuid::Uuid;

use crate::answer::Answer;
use crate::clients::{Call, Transport};
use crate::outcome::Outcome;
use crate::target::Targets;

/// Traders log in anew this often: logging in goes on while a release switches.
const SESSION: Duration = Duration::from_secs(60);

/// Which side of the market a trader takes: never both, so that no order meets its own trader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// An account of this run. Not `Debug`: it holds a password and a token.
pub struct Account {
    pub user: Uuid,
    pub side: Side,
    pub transport: Transport,
    email: String,
    password: String,
    state: Mutex<State>,
}

struct State {
    token: String,
    since: Instant,
    renewing: bool,
    last_notification: Option<Uuid>,
}

impl Account {
    /// Registers, logs in and deposits: the part of a trader's life that is not counted.
    pub async fn open(
        targets: &Targets,
        side: Side,
        asset: &str,
        timeout: Duration,
    ) -> Result<Self> {
        let transport = Transport::pooled();
        let email = format!("trader-{}@probe.invalid", Uuid::new_v4());
        let password = format!("Probe-{}", Uuid::new_v4());
        let credentials = json!({ "email": email, "password": password });

        let register = Call::post(&targets.user, "/v1/users", &credentials);
        let registered = prepared(&transport, &register, timeout).await?;
        let user = registered.text("id").context("the new user has no id")?;

        let log_in = Call::post(&targets.user, "/v1/sessions", &credentials);
        let session = prepared(&transport, &log_in, timeout).await?;
        let token = session
            .text("token")
            .context("the new session has no token")?;

        let funds = json!({ "asset": asset, "amount": "10000000.00" });
        let deposit = Call::post(&targets.trade, "/v1/deposits", &funds)
            .bearer(&token)
            .idempotency_key(Uuid::new_v4());
        prepared(&transport, &deposit, timeout).await?;

        Ok(Self {
            user: user.parse().context("the new user's id is not a UUID")?,
            side,
            transport,
            email,
            password,
            state: Mutex::new(State {
                token,
                since: Instant::now(),
                renewing: false,
                last_notification: None,
            }),
        })
    }

    pub fn token(&self) -> String {
        self.state().token.clone()
    }

    /// A login, when the session has aged and no other login is under way.
    pub fn log_in_if_due(&self, targets: &Targets) -> Option<Call> {
        let mut state = self.state();
        if state.renewing || state.since.elapsed() < SESSION {
            return None;
        }
        state.renewing = true;
        let credentials = json!({ "email": self.email, "password": self.password });
        Some(Call::post(&targets.user, "/v1/sessions", &credentials))
    }

    /// Takes the new session, if there is one; the old token stays good meanwhile.
    pub fn logged_in(&self, answer: Option<&Answer>) {
        let mut state = self.state();
        state.renewing = false;
        if let Some(token) = answer.and_then(|answer| answer.text("token")) {
            state.token = token;
            state.since = Instant::now();
        }
    }

    /// The path that reads what has come since the last read.
    pub fn unread(&self) -> String {
        match self.state().last_notification {
            Some(last) => format!("/v1/notifications?after={last}&limit=50"),
            None => "/v1/notifications?limit=50".to_owned(),
        }
    }

    /// Remembers up to where notifications were read.
    pub fn has_read(&self, answer: &Answer) {
        let last = serde_json::from_slice::<serde_json::Value>(&answer.body)
            .ok()
            .and_then(|body| {
                body.get("notifications")?
                    .as_array()?
                    .last()?
                    .get("id")
                    .cloned()
            })
            .and_then(|id| id.as_str()?.parse().ok());
        if last.is_some() {
            self.state().last_notification = last;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn prepared(transport: &Transport, call: &Call, timeout: Duration) -> Result<Answer> {
    let what = format!("{} {} at {}", call.method, call.path, call.target.authority);
    match transport.exchange(call, timeout).await {
        Ok(answer) if Outcome::of_status(answer.status, call.expected) == Outcome::Ok => Ok(answer),
        Ok(answer) => bail!(
            "set-up failed: {what} answered {} where {} was expected",
            answer.summary(),
            call.expected
        ),
        Err(no_answer) => bail!("set-up failed: {what}: {}", no_answer.detail),
    }
}
