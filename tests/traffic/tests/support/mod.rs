//! A stand-in for the exchange on loopback, whose answers the test decides.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use changeover_traffic::{Plan, Shares, Stop, Target, Targets};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

/// What the stand-in does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Answers as the exchange would.
    Good,
    /// As `Good`, with `Connection: close`.
    Close,
    /// As `Good`, with hops of two versions.
    Mixed,
    /// As `Good`, but a repeated order gets a new id.
    NewId,
    /// Answers this status.
    Status(u16),
    /// Ends the connection without an answer.
    Reset,
    /// Never answers.
    Stall,
}

/// A running stand-in. Counts leave out the traders' set-up.
pub struct Exchange {
    pub url: String,
    pub requests: Arc<AtomicU64>,
    pub connections: Arc<AtomicU64>,
}

impl Exchange {
    /// Starts it; `decide(n)` says what becomes of request `n` once traffic flows.
    pub async fn start(decide: impl Fn(u64) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, connections) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let books = Arc::<Mutex<HashMap<String, Uuid>>>::default();
        let decide = Arc::new(decide);
        let (counted, accepted) = (Arc::clone(&requests), Arc::clone(&connections));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::Relaxed);
                let (counted, decide, books) = (counted.clone(), decide.clone(), books.clone());
                let service = service_fn(move |request| {
                    let reply = match is_set_up(&request) {
                        true => Reply::Good,
                        false => decide(counted.fetch_add(1, Ordering::Relaxed)),
                    };
                    let books = Arc::clone(&books);
                    async move { answer(&request, reply, &books).await }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            url,
            requests,
            connections,
        }
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Sessions last longer than any test, so logins belong to the set-up; and so do the traders' streams, which
/// are no requests of the schedule.
fn is_set_up(request: &Request<Incoming>) -> bool {
    matches!(
        request.uri().path(),
        "/v1/users" | "/v1/sessions" | "/v1/deposits" | "/v1/notifications/stream"
    )
}

async fn answer(
    request: &Request<Incoming>,
    reply: Reply,
    books: &Mutex<HashMap<String, Uuid>>,
) -> io::Result<Response<Full<Bytes>>> {
    match reply {
        Reply::Reset => return Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
        Reply::Stall => std::future::pending().await,
        _ => {}
    }
    let (mut status, body) = good(request, reply, books);
    if let Reply::Status(other) = reply {
        status = other;
    }
    let second_hop = if reply == Reply::Mixed {
        "user/1.0.0/blue"
    } else {
        "user/2.0.0/green"
    };
    let mut response = Response::builder()
        .status(status)
        .header("x-exchange-colour", "green")
        .header("x-exchange-version", "2.0.0")
        .header("x-exchange-hops", format!("trade/2.0.0/green,{second_hop}"));
    if reply == Reply::Close {
        response = response.header("connection", "close");
    }
    Ok(response
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap())
}

fn good(
    request: &Request<Incoming>,
    reply: Reply,
    books: &Mutex<HashMap<String, Uuid>>,
) -> (u16, serde_json::Value) {
    let key = request
        .headers()
        .get("idempotency-key")
        .map(|key| key.to_str().unwrap().to_owned());
    match (request.method(), request.uri().path(), key) {
        (&Method::POST, "/v1/orders", Some(key)) => {
            let mut books = books.lock().unwrap();
            let known = books.contains_key(&key);
            let mut id = *books.entry(key).or_insert_with(Uuid::new_v4);
            if known && reply == Reply::NewId {
                id = Uuid::new_v4();
            }
            (if known { 200 } else { 201 }, json!({ "id": id }))
        }
        (&Method::POST, _, _) => (201, json!({ "id": Uuid::new_v4(), "token": "token" })),
        (_, "/v1/notifications", _) => {
            (200, json!({ "notifications": [{ "id": Uuid::new_v4() }] }))
        }
        _ => (200, json!({ "version": "2.0.0" })),
    }
}

/// A second of 100 requests/s against `url`, without traders.
pub async fn plan(url: &str) -> Plan {
    let target = Target::resolve("exchange", url).await.unwrap();
    let targets = Targets {
        user: target.clone(),
        trade: target.clone(),
        notification: target,
    };
    Plan {
        targets,
        rate: 100.0,
        shares: Shares::default(),
        traders: 0,
        market: "ETH-EUR".to_owned(),
        duration: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
        max_in_flight: 1000,
        database_url: None,
        progress: false,
    }
}

/// Runs to the plan's end.
pub async fn run(plan: &Plan) -> changeover_traffic::Report {
    let (_sender, stop) = Stop::channel();
    changeover_traffic::run(plan, stop, || {}).await.unwrap()
}
