//! Two colours that trade on one market at the same time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{Exchange, Trader, eventually};
use reqwest::StatusCode;
use rust_decimal::Decimal;

use support::*;

#[tokio::test]
async fn two_colours_match_on_one_market_without_double_fills() -> Result<()> {
    let exchange = Exchange::start().await?;
    let green = exchange.another_trade("green").await?;
    let mut traders = Vec::new();
    for _ in 0..4 {
        traders.push(trader_with(&exchange, &[("EUR", "10000"), ("BTC", "10")]).await?);
    }
    let flow = async |number: usize, trader: &Trader| -> Result<()> {
        for round in 0..40_usize {
            let at = if (number + round).is_multiple_of(2) {
                &exchange.trade
            } else {
                &green
            };
            let side = if (number + round).is_multiple_of(3) {
                "sell"
            } else {
                "buy"
            };
            let price = format!("{}", 98 + (number * 7 + round * 3) % 5);
            let quantity = format!("0.{:02}", 1 + (round * 13) % 40);
            let price = (round % 6 != 5).then_some(price.as_str());
            let body = order("BTC-EUR", side, price, &quantity);
            let (status, answer) = post(at, "/v1/orders", trader, &body).await?;
            assert_eq!(status, StatusCode::CREATED, "{answer}");
            if round % 4 == 3 {
                // At the other colour, while others match with it.
                let other = if std::ptr::eq(at, &green) {
                    &exchange.trade
                } else {
                    &green
                };
                let (status, answer) = cancel(other, trader, &answer["id"]).await?;
                let expected = [StatusCode::OK, StatusCode::CONFLICT];
                assert!(expected.contains(&status), "{answer}");
            }
        }
        Ok(())
    };
    let (a, b, c, d) = tokio::join!(
        flow(0, &traders[0]),
        flow(1, &traders[1]),
        flow(2, &traders[2]),
        flow(3, &traders[3])
    );
    for done in [a, b, c, d] {
        done?;
    }

    let mut database = exchange.postgres.look().await?;
    let sums: Vec<(String, Decimal)> = sqlx::query_as(
        "SELECT asset, sum(available + reserved) FROM trade.balances GROUP BY asset ORDER BY asset",
    )
    .fetch_all(&mut database)
    .await?;
    let expected = [("BTC", 40), ("ETH", 0), ("EUR", 40_000), ("USD", 0)];
    assert_eq!(
        sums,
        expected.map(|(asset, sum)| (asset.to_owned(), Decimal::from(sum)))
    );
    let wrong: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM trade.orders o WHERE filled <> (SELECT coalesce(sum(quantity), 0)
         FROM trade.fills WHERE maker_order = o.id OR taker_order = o.id)",
    )
    .fetch_one(&mut database)
    .await?;
    assert_eq!(wrong, 0, "orders whose fills do not sum to what is filled");
    let fills: i64 = sqlx::query_scalar("SELECT count(*) FROM trade.fills")
        .fetch_one(&mut database)
        .await?;
    assert!(
        fills > 10,
        "only {fills} fills: the flow does not match enough"
    );
    let crossed: bool = sqlx::query_scalar(
        "SELECT coalesce((SELECT max(price) FROM trade.orders WHERE side = 'buy' AND filled < quantity)
          >= (SELECT min(price) FROM trade.orders WHERE side = 'sell' AND filled < quantity), false)",
    )
    .fetch_one(&mut database)
    .await?;
    assert!(!crossed, "the book is crossed: an order was not matched");
    assert_books_are_exact(&exchange).await?;

    let count = "SELECT count(*) FROM notification.notifications";
    let arrived = async || {
        let mut database = exchange.postgres.look().await.unwrap();
        let found: i64 = sqlx::query_scalar(count)
            .fetch_one(&mut database)
            .await
            .unwrap_or(0);
        found >= fills * 2
    };
    assert!(eventually(Duration::from_secs(20), arrived).await);
    let kept: i64 = sqlx::query_scalar(count).fetch_one(&mut database).await?;
    assert_eq!(kept, fills * 2, "each side of each fill exactly once");
    Ok(())
}
