//! Live streams: one for each trader, open for the whole run, resumed where it ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sse_stream::SseStream;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::clients::Call;
use crate::clients::account::Account;
use crate::target::Target;

/// Pause before coming back where the server said nothing: as browsers do.
const RETRY: Duration = Duration::from_secs(1);

/// What one account was told.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Events, in the order in which they came.
    pub events: Vec<Uuid>,
    /// Connections that were opened.
    pub opened: u64,
    /// Why connections did not open, or broke.
    pub broken: Vec<String>,
}

/// A stream that is being followed. It ends when this is dropped.
pub struct Followed {
    pub user: Uuid,
    told: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

impl Followed {
    /// Begins to follow an account's notifications.
    pub fn start(account: Arc<Account>, at: Arc<Target>, timeout: Duration) -> Self {
        let told = Arc::default();
        let follower = Follower {
            client: Client::builder(TokioExecutor::new())
                .retry_canceled_requests(false)
                .pool_max_idle_per_host(0)
                .build_http(),
            at,
            timeout,
            told: Arc::clone(&told),
        };
        Self {
            user: account.user,
            told,
            task: tokio::spawn(follower.follow(account)),
        }
    }

    /// What it was told so far.
    pub fn told(&self) -> Told {
        locked(&self.told).clone()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Follower {
    client: Client<HttpConnector, Full<Bytes>>,
    at: Arc<Target>,
    timeout: Duration,
    told: Arc<Mutex<Told>>,
}

impl Follower {
    async fn follow(self, account: Arc<Account>) {
        loop {
            let pause = match self.listen(&account).await {
                Ok(pause) => pause,
                Err(broken) => {
                    locked(&self.told).broken.push(format!("{broken:#}"));
                    RETRY
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Listens until the stream ends as it should; how long to wait before coming back.
    async fn listen(&self, account: &Account) -> Result<Duration> {
        let body = tokio::time::timeout(self.timeout, self.open(account));
        let body = body.await.context("no answer in time")??;
        locked(&self.told).opened += 1;
        let mut retry = None;
        let mut events = SseStream::new(body);
        while let Some(event) = events.next().await {
            let event = event.context("the stream broke")?;
            retry = event.retry.or(retry);
            if event.data.is_some() {
                let id = event.id.context("an event without an id")?;
                let id = id.parse().context("an event's id is no UUID")?;
                locked(&self.told).events.push(id);
            }
        }
        let retry = retry.context("it ended without a word on when to come back")?;
        Ok(Duration::from_millis(retry))
    }

    async fn open(&self, account: &Account) -> Result<Incoming> {
        let last = locked(&self.told).events.last().copied();
        let mut call = Call::get(&self.at, "/v1/notifications/stream").bearer(account.token());
        call.last_event = last;
        let request = call.request(format!("http://{}{}", self.at.address, call.path))?;
        let answer = self.client.request(request).await?;
        let status = answer.status();
        ensure!(status == StatusCode::OK, "answered {status}");
        Ok(answer.into_body())
    }
}

fn locked(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
