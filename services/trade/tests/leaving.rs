//! How a process leaves: drain, lame duck, and what is in flight at SIGTERM.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{Exchange, ServiceProcess, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that a client keeps, byte by byte.
struct KeptAlive(TcpStream);

impl KeptAlive {
    async fn open(to: &ServiceProcess) -> Result<Self> {
        Ok(Self(TcpStream::connect(("127.0.0.1", to.port())).await?))
    }

    async fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.0.write_all(text.as_bytes()).await?)
    }

    /// Reads one answer: its head and as much body as it announces.
    async fn answer(&mut self) -> Result<String> {
        let mut read = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let announced = head.to_lowercase();
                let announced = announced
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length: ").map(str::to_owned));
                if announced.is_none_or(|length| body.len() >= length.parse::<usize>().unwrap()) {
                    return Ok(text.to_lowercase());
                }
            }
            let mut chunk = [0; 4096];
            let got = self.0.read(&mut chunk).await?;
            anyhow::ensure!(got > 0, "closed without an answer after: {text}");
            read.extend_from_slice(&chunk[..got]);
        }
    }

    async fn is_closed(&mut self) -> bool {
        let mut chunk = [0; 16];
        matches!(
            tokio::time::timeout(Duration::from_secs(5), self.0.read(&mut chunk)).await,
            Ok(Ok(0))
        )
    }
}

const VERSION: &str = "GET /version HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn sigterm_answers_what_is_in_flight_and_asks_idle_connections_to_leave() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    let trader = exchange.sign_up().await?;
    exchange.deposit(&trader, "EUR", "1000").await?;
    let mut busy = KeptAlive::open(&exchange.trade).await?;
    let mut idle = KeptAlive::open(&exchange.trade).await?;
    for connection in [&mut busy, &mut idle] {
        connection.send(VERSION).await?;
        assert!(!connection.answer().await?.contains("connection: close"));
    }
    // The busy connection has an order waiting for a lock when SIGTERM comes.
    let mut database = exchange.postgres.look().await?;
    let hold = "SELECT pg_advisory_lock(hashtextextended('trade.market BTC-EUR', 0))";
    sqlx::query(hold).execute(&mut database).await?;
    let body =
        json!({ "market": "BTC-EUR", "side": "buy", "price": "100", "quantity": "1" }).to_string();
    let head = format!(
        "POST /v1/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nidempotency-key: k1\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        trader.token,
        body.len()
    );
    busy.send(&(head + &body)).await?;
    let waits = async || {
        in_flight(&exchange.trade)
            .await
            .is_ok_and(|count| count == 1)
    };
    assert!(eventually(Duration::from_secs(5), waits).await);

    exchange.trade.terminate();
    let leaves = async || {
        let answer = reqwest::get(exchange.trade.url("/version")).await;
        answer.is_ok_and(|answer| {
            answer
                .headers()
                .get("connection")
                .is_some_and(|c| c == "close")
        })
    };
    assert!(eventually(Duration::from_secs(5), leaves).await);
    // Still ready: when a whole colour ends, its own calls go to pods that are terminating and serve.
    assert_eq!(
        reqwest::get(exchange.trade.admin("/readyz"))
            .await?
            .status(),
        StatusCode::OK
    );
    // Lame duck: the idle connection is served, and asked to leave; new ones are served as well.
    idle.send(VERSION).await?;
    let answer = idle.answer().await?;
    assert!(
        answer.starts_with("http/1.1 200") && answer.contains("connection: close"),
        "{answer}"
    );
    assert!(idle.is_closed().await);
    assert_eq!(
        reqwest::get(exchange.trade.url("/version")).await?.status(),
        StatusCode::OK
    );

    // The order outlasts the lame duck of 2 s, so it is in flight when the port closes.
    let port = exchange.trade.port();
    let refused = async || TcpStream::connect(("127.0.0.1", port)).await.is_err();
    assert!(eventually(Duration::from_secs(15), refused).await);
    assert_eq!(
        reqwest::get(exchange.trade.admin("/readyz"))
            .await?
            .status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    sqlx::query("SELECT pg_advisory_unlock_all()")
        .execute(&mut database)
        .await?;
    let answer = busy.answer().await?;
    assert!(answer.starts_with("http/1.1 201"), "{answer}");
    assert_eq!(
        exchange.trade.exit(Duration::from_secs(10)).await?.code(),
        Some(0)
    );
    let orders: i64 = sqlx::query_scalar("SELECT count(*) FROM trade.orders")
        .fetch_one(&mut database)
        .await?;
    assert_eq!(orders, 1);
    Ok(())
}

#[tokio::test]
async fn the_drain_lease_asks_clients_to_leave_until_it_lapses() -> Result<()> {
    let exchange = Exchange::start().await?;
    let mut client = KeptAlive::open(&exchange.user).await?;
    client.send(VERSION).await?;
    client.answer().await?;
    let state: Value = reqwest::get(exchange.user.admin("/drain"))
        .await?
        .json()
        .await?;
    assert_eq!(state["openConnections"], 1, "{state}");
    assert!(state["lastAcceptedSecondsAgo"].is_u64(), "{state}");

    let put = |epoch: u64, ttl: &str| {
        let lease = json!({ "epoch": epoch, "ttl": ttl });
        exchange
            .http
            .put(exchange.user.admin("/drain"))
            .json(&lease)
            .send()
    };
    assert_eq!(put(5, "2s").await?.status(), StatusCode::OK);
    assert_eq!(put(4, "2s").await?.status(), StatusCode::CONFLICT);
    assert_eq!(
        put(5, "soon").await?.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    client.send(VERSION).await?;
    let answer = client.answer().await?;
    assert!(
        answer.starts_with("http/1.1 200") && answer.contains("connection: close"),
        "{answer}"
    );
    assert!(client.is_closed().await);
    let left = async || {
        open_connections(&exchange.user)
            .await
            .is_ok_and(|open| open == 0)
    };
    assert!(eventually(Duration::from_secs(2), left).await);

    let lapsed = async || !closes(&exchange.user).await.unwrap_or(true);
    assert!(eventually(Duration::from_secs(5), lapsed).await);
    assert_eq!(put(5, "60s").await?.status(), StatusCode::OK);
    assert!(closes(&exchange.user).await?);
    exchange
        .http
        .delete(exchange.user.admin("/drain?epoch=6"))
        .send()
        .await?;
    assert!(!closes(&exchange.user).await?);
    // A renewal that the way back overtook.
    assert_eq!(put(5, "60s").await?.status(), StatusCode::CONFLICT);
    assert!(!closes(&exchange.user).await?);
    Ok(())
}

async fn closes(process: &ServiceProcess) -> Result<bool> {
    let mut client = KeptAlive::open(process).await?;
    client.send(VERSION).await?;
    Ok(client.answer().await?.contains("connection: close"))
}

async fn drain(process: &ServiceProcess) -> Result<Value> {
    Ok(reqwest::get(process.admin("/drain")).await?.json().await?)
}

async fn in_flight(process: &ServiceProcess) -> Result<i64> {
    Ok(drain(process).await?["inFlight"].as_i64().unwrap_or(-1))
}

async fn open_connections(process: &ServiceProcess) -> Result<i64> {
    Ok(drain(process).await?["openConnections"]
        .as_i64()
        .unwrap_or(-1))
}
