//! How many orders trade takes, and how fast: `make bench-trade`.
//!
//! Two colours over one PostgreSQL, pairs of traders that send one order after the other, every order a
//! whole one: token check, the call to user, match, settlement, events. One market shows what the market's
//! lock allows; several show the rest.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark fails as tests do"
)]

use std::time::{Duration, Instant};

use anyhow::Result;
use exchange_testkit::{Exchange, ServiceProcess, Trader};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

const LASTS: Duration = Duration::from_secs(10);
const MARKETS: [&str; 4] = ["BTC-EUR", "BTC-USD", "ETH-EUR", "ETH-USD"];

/// One trader's orders: each crosses what the other side of the pair has left in the book.
struct Flow {
    http: Client,
    url: String,
    token: String,
    market: &'static str,
    side: &'static str,
}

impl Flow {
    async fn run(self) -> Result<Vec<Duration>> {
        let begun = Instant::now();
        let mut took = Vec::new();
        while begun.elapsed() < LASTS {
            let sent = Instant::now();
            let order = json!({ "market": self.market, "side": self.side, "price": "10",
                "quantity": "0.01" });
            let request = self
                .http
                .post(&self.url)
                .bearer_auth(&self.token)
                .json(&order);
            let request = request.header("idempotency-key", Uuid::new_v4().to_string());
            let answer = request.send().await?;
            let status = answer.status();
            anyhow::ensure!(
                status == StatusCode::CREATED,
                "{status} {}",
                answer.text().await?
            );
            answer.bytes().await?;
            took.push(sent.elapsed());
        }
        Ok(took)
    }
}

async fn measure(
    exchange: &Exchange,
    colours: &[&ServiceProcess],
    traders: &[Trader],
    markets: &[&'static str],
) -> Result<()> {
    let mut flows = JoinSet::new();
    for (number, trader) in traders.iter().enumerate() {
        let pair = number / 2;
        let flow = Flow {
            http: Client::new(),
            url: colours[pair % colours.len()].url("/v1/orders"),
            token: trader.token.clone(),
            market: markets[pair % markets.len()],
            side: if number.is_multiple_of(2) {
                "buy"
            } else {
                "sell"
            },
        };
        flows.spawn(flow.run());
    }
    let mut took = Vec::new();
    while let Some(flow) = flows.join_next().await {
        took.extend(flow??);
    }
    took.sort();
    let at = |share: usize| took[(took.len() - 1) * share / 1000].as_secs_f64() * 1000.0;
    let rate = took.len() as f64 / LASTS.as_secs_f64();
    println!(
        "{:>2} traders, {} markets: {rate:>6.0} orders/s, latency ms p50 {:.1} p99 {:.1} p99.9 {:.1}",
        traders.len(),
        markets.len(),
        at(500),
        at(990),
        at(999),
    );
    let operator = exchange.operator().await?;
    let (_, ledger) = exchange
        .get(exchange.trade.url("/v1/ledger"), &operator)
        .await?;
    anyhow::ensure!(ledger["exact"] == true, "the books are wrong: {ledger:#}");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let exchange = Exchange::start().await?;
    let green = exchange.another_trade("green").await?;
    let mut traders = Vec::new();
    for _ in 0..16 {
        let trader = exchange.sign_up().await?;
        for asset in ["BTC", "ETH", "EUR", "USD"] {
            exchange.deposit(&trader, asset, "1000000").await?;
        }
        traders.push(trader);
    }
    let colours = [&exchange.trade, &green];
    for (count, markets) in [(2, 1), (8, 1), (16, 1), (16, 4)] {
        measure(&exchange, &colours, &traders[..count], &MARKETS[..markets]).await?;
    }
    Ok(())
}
