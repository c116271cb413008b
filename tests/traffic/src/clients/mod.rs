//! How requests are made: one call, two transports, nothing ever sent twice.

mod account;
mod streams;
mod traders;

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::answer::{Answer, Exchanged, NoAnswer};
use crate::outcome::Outcome;
use crate::target::Target;

pub use streams::{Followed, Told};
pub use traders::{JournalEntry, Traders};

/// Answers of the exchange are small; a longer one is a fault.
const LONGEST_BODY: usize = 1024 * 1024;
/// Shorter than the services' keep-alive of 120 s, so that the server is not the first to close.
const POOL_IDLE: Duration = Duration::from_secs(60);

type BoxError = Box<dyn StdError + Send + Sync>;

/// One request to make. Not `Debug`: it may carry a token.
#[derive(Clone)]
pub struct Call {
    pub id: Uuid,
    pub target: Arc<Target>,
    pub method: Method,
    pub path: String,
    pub expected: StatusCode,
    bearer: Option<String>,
    idempotency_key: Option<Uuid>,
    last_event: Option<Uuid>,
    body: Bytes,
}

impl Call {
    pub fn get(target: &Arc<Target>, path: impl Into<String>) -> Self {
        Self {
            id: Uuid::new_v4(),
            target: Arc::clone(target),
            method: Method::GET,
            path: path.into(),
            expected: StatusCode::OK,
            bearer: None,
            idempotency_key: None,
            last_event: None,
            body: Bytes::new(),
        }
    }

    pub fn post(target: &Arc<Target>, path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self {
            method: Method::POST,
            expected: StatusCode::CREATED,
            body: Bytes::from(body.to_string()),
            ..Self::get(target, path)
        }
    }

    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.bearer = Some(token.into());
        self
    }

    pub fn idempotency_key(mut self, key: Uuid) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    fn request(&self, uri: String) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(uri)
            .header(HOST, &self.target.authority)
            .header("x-request-id", self.id.to_string());
        if let Some(token) = &self.bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(key) = self.idempotency_key {
            request = request.header("idempotency-key", key.to_string());
        }
        if let Some(event) = self.last_event {
            request = request.header("last-event-id", event.to_string());
        }
        if !self.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(self.body.clone()))
    }
}

/// How a call reaches its service.
#[derive(Debug, Clone)]
pub enum Transport {
    /// A TCP connection for this call alone.
    Fresh,
    /// A connection kept alive from call to call.
    Pooled(Client<HttpConnector, Full<Bytes>>),
}

impl Transport {
    /// A pool of its own.
    pub fn pooled() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self::Pooled(
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(POOL_IDLE)
                // Off: a loss that the client repairs is a loss that nobody sees.
                .retry_canceled_requests(false)
                .build(connector),
        )
    }

    /// Makes the call, once, and reads the answer to its end.
    pub async fn exchange(&self, call: &Call, timeout: Duration) -> Exchanged {
        let whole = async {
            match self {
                Self::Fresh => fresh(call).await,
                Self::Pooled(client) => {
                    let uri = format!("http://{}{}", call.target.address, call.path);
                    read(client.request(call.request(uri)?).await?).await
                }
            }
        };
        match tokio::time::timeout(timeout, whole).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(NoAnswer {
                outcome: Outcome::of_error(&*error),
                detail: with_causes(&*error),
            }),
            Err(_) => Err(NoAnswer {
                outcome: Outcome::Timeout,
                detail: format!("no answer within {timeout:?}"),
            }),
        }
    }
}

async fn fresh(call: &Call) -> Result<Answer, BoxError> {
    let stream = TcpStream::connect(call.target.address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = call.request(call.path.clone())?;
    // The sender moves in and is dropped with the answer: that ends the connection. The
    // connection's own error, if any, is the exchange's too.
    let exchange = async move { read(sender.send_request(request).await?).await };
    let (_closed, answer) = join(connection, exchange).await;
    answer
}

async fn read(response: Response<Incoming>) -> Result<Answer, BoxError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await?.to_bytes();
    Ok(Answer::new(head.status, &head.headers, body))
}

fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
