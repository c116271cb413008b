//! Random flows of orders, against a reference model that is as simple as the rules: no index, no page, no
//! transaction.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod reference;
mod support;

use anyhow::{Context, Result, ensure};
use exchange_testkit::{Exchange, Trader};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use reqwest::StatusCode;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use reference::{Balances, Exit, Model, Side};
use support::*;

const TRADERS: usize = 3;
const ASSETS: [&str; 2] = ["BTC", "EUR"];

#[derive(Clone, Debug)]
enum Step {
    Order {
        trader: usize,
        side: Side,
        /// Without one it is a market order.
        price: Option<Decimal>,
        quantity: Decimal,
    },
    Cancel {
        trader: usize,
        which: Index,
    },
    Deposit {
        trader: usize,
        asset: usize,
        amount: Decimal,
    },
    Withdraw {
        trader: usize,
        asset: usize,
        amount: Decimal,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let trader = 0..TRADERS;
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    // Few prices, so that many orders stand at one; up to the finest that is allowed.
    let price = prop_oneof![
        (95..106_i64).prop_map(|price| Decimal::new(price, 1)),
        (99_990..100_010_i64).prop_map(|price| Decimal::new(price, 4)),
    ];
    let quantity = (1..300_000_000_i64).prop_map(|quantity| Decimal::new(quantity, 8));
    let order = (
        trader.clone(),
        side,
        prop::option::weighted(0.8, price),
        quantity,
    )
        .prop_map(|(trader, side, price, quantity)| Step::Order {
            trader,
            side,
            price,
            quantity,
        });
    let cancel =
        (trader.clone(), any::<Index>()).prop_map(|(trader, which)| Step::Cancel { trader, which });
    let amount = (1..2_000_000_000_i64).prop_map(|amount| Decimal::new(amount, 8));
    let transfer = (trader, 0..ASSETS.len(), amount, any::<bool>());
    let transfer = transfer.prop_map(|(trader, asset, amount, deposit)| match deposit {
        true => Step::Deposit {
            trader,
            asset,
            amount,
        },
        false => Step::Withdraw {
            trader,
            asset,
            amount,
        },
    });
    prop_oneof![8 => order, 2 => cancel, 1 => transfer]
}

/// The exchange and its model, side by side.
struct Pair<'a> {
    exchange: &'a Exchange,
    traders: &'a [Trader],
    model: Model,
    /// The exchange's ids of the model's orders.
    ids: Vec<Value>,
}

impl<'a> Pair<'a> {
    async fn new(exchange: &'a Exchange, traders: &'a [Trader]) -> Result<Self> {
        let mut pair = Self {
            exchange,
            traders,
            model: Model::default(),
            ids: Vec::new(),
        };
        pair.model.balances = pair.balances().await?;
        Ok(pair)
    }

    async fn balances(&self) -> Result<Balances> {
        let mut balances = Balances::new();
        for (number, trader) in self.traders.iter().enumerate() {
            for asset in ASSETS {
                let held = balance(self.exchange, trader, asset).await?;
                balances.insert((number, asset), held);
            }
        }
        Ok(balances)
    }

    /// Takes a step in both, and compares what came of it.
    async fn take(&mut self, step: &Step) -> Result<()> {
        let trade = &self.exchange.trade;
        match *step {
            Step::Order {
                trader,
                side,
                price,
                quantity,
            } => {
                let text = price.map(|price| price.to_string());
                let body = order(
                    "BTC-EUR",
                    side.name(),
                    text.as_deref(),
                    &quantity.to_string(),
                );
                let who = &self.traders[trader];
                let (status, answer) = post(trade, "/v1/orders", who, &body).await?;
                let Some(placed) = self.model.place(trader, side, price, quantity) else {
                    ensure!(
                        status == StatusCode::CONFLICT,
                        "the model refuses: {answer}"
                    );
                    return Ok(());
                };
                ensure!(status == StatusCode::CREATED, "the model accepts: {answer}");
                let figure = |name: &str| answer[name].as_str().map(decimal);
                let is = (figure("filled"), figure("cancelled"));
                ensure!(
                    is == (Some(placed.filled), Some(placed.cancelled)),
                    "{placed:?} {answer}"
                );
                self.ids.push(answer["id"].clone());
            }
            Step::Cancel { trader, which } => {
                if self.ids.is_empty() {
                    return Ok(());
                }
                let which = which.index(self.ids.len());
                let who = &self.traders[trader];
                let (status, answer) = cancel(trade, who, &self.ids[which]).await?;
                let expected = match self.model.cancel(trader, which) {
                    Exit::Done => StatusCode::OK,
                    Exit::Closed => StatusCode::CONFLICT,
                    Exit::NotYours => StatusCode::NOT_FOUND,
                };
                ensure!(status == expected, "the model: {expected}; {answer}");
            }
            Step::Deposit {
                trader,
                asset,
                amount,
            }
            | Step::Withdraw {
                trader,
                asset,
                amount,
            } => {
                let deposit = matches!(step, Step::Deposit { .. });
                let path = if deposit {
                    "/v1/deposits"
                } else {
                    "/v1/withdrawals"
                };
                let body = json!({ "asset": ASSETS[asset], "amount": amount.to_string() });
                let (status, answer) = post(trade, path, &self.traders[trader], &body).await?;
                let change = if deposit { amount } else { -amount };
                let done = self.model.transfer(trader, ASSETS[asset], change);
                ensure!(
                    done == (status == StatusCode::CREATED),
                    "the model: {done}; {answer}"
                );
            }
        }
        Ok(())
    }

    /// Compares everything that both hold.
    async fn compare(&self) -> Result<()> {
        let is = self.balances().await?;
        ensure!(
            is == self.model.balances,
            "{is:?} is not {:?}",
            self.model.balances
        );
        let url = self.exchange.trade.url("/v1/markets/BTC-EUR/book");
        let (_, book) = self.exchange.get(url, &self.traders[0]).await?;
        for (side, name) in [(Side::Buy, "bids"), (Side::Sell, "asks")] {
            let levels = book[name].as_array().context("no levels")?;
            let figure = |level: &Value, name: &str| decimal(level[name].as_str().unwrap());
            let levels = levels
                .iter()
                .map(|l| (figure(l, "price"), figure(l, "quantity")));
            let levels: Vec<_> = levels.collect();
            ensure!(levels == self.model.book(side), "{name}: {book}");
        }
        Ok(())
    }

    /// Leaves an empty book to the next flow.
    async fn clear(&mut self) -> Result<()> {
        for (which, trader) in self.model.open() {
            let who = &self.traders[trader];
            let (status, answer) = cancel(&self.exchange.trade, who, &self.ids[which]).await?;
            ensure!(status == StatusCode::OK, "{answer}");
            self.model.cancel(trader, which);
        }
        self.compare().await
    }
}

async fn flow(exchange: &Exchange, traders: &[Trader], steps: &[Step]) -> Result<()> {
    let mut pair = Pair::new(exchange, traders).await?;
    let mut taken = Ok(());
    for (number, step) in steps.iter().enumerate() {
        taken = pair
            .take(step)
            .await
            .with_context(|| format!("step {number}: {step:?}"));
        if taken.is_err() {
            break;
        }
    }
    let compared = pair.compare().await;
    // Also after a failure: the flow is made shorter then, and begins with an empty book again.
    let cleared = pair.clear().await;
    taken.and(compared).and(cleared)
}

#[test]
fn random_flows_go_as_in_the_reference_model() -> Result<()> {
    let runtime = Runtime::new()?;
    let (exchange, traders) = runtime.block_on(async {
        let exchange = Exchange::start().await?;
        let mut traders = Vec::new();
        for _ in 0..TRADERS {
            traders.push(trader_with(&exchange, &[("BTC", "20"), ("EUR", "200")]).await?);
        }
        anyhow::Ok((exchange, traders))
    })?;
    let config = Config {
        cases: 12,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = prop::collection::vec(step(), 20..60);
    TestRunner::new(config).run(&steps, |steps| {
        let done = runtime.block_on(flow(&exchange, &traders, &steps));
        done.map_err(|error| TestCaseError::fail(format!("{error:#}")))
    })?;
    runtime.block_on(async {
        let mut database = exchange.postgres.look().await?;
        let fills: i64 = sqlx::query_scalar("SELECT count(*) FROM trade.fills")
            .fetch_one(&mut database)
            .await?;
        ensure!(
            fills > 50,
            "only {fills} fills: the flows do not match enough"
        );
        assert_books_are_exact(&exchange).await
    })
}
