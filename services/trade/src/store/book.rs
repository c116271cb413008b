//! The book of a market: what rests, by price and then by time.

use rust_decimal::Decimal;
use sqlx::{FromRow, PgConnection, query, query_as};
use uuid::Uuid;

use super::Store;
use super::orders::Level;
use crate::domain::matching::{Matched, Resting, match_order};
use crate::domain::money::Market;
use crate::domain::order::{NewOrder, Side};

/// Levels of the book that are shown on each side.
const LEVELS: i64 = 50;
/// Resting orders that are read at once.
const PAGE: usize = 100;

impl Store {
    /// One side of the book, best price first.
    pub async fn levels(&self, market: Market, side: Side) -> Result<Vec<Level>, sqlx::Error> {
        let statement = match side {
            Side::Sell => {
                "SELECT price, sum(quantity - filled) AS quantity FROM trade.orders
                 WHERE market = $1 AND side = 'sell' AND filled < quantity
                 GROUP BY price ORDER BY price LIMIT $2"
            }
            Side::Buy => {
                "SELECT price, sum(quantity - filled) AS quantity FROM trade.orders
                 WHERE market = $1 AND side = 'buy' AND filled < quantity
                 GROUP BY price ORDER BY price DESC LIMIT $2"
            }
        };
        query_as(statement)
            .bind(market.to_string())
            .bind(LEVELS)
            .fetch_all(&self.pool)
            .await
    }
}

/// One change at a time in each market's book, over all processes of both colours. Taken in a statement
/// of its own: what is read next must see what the one before committed.
pub async fn lock(connection: &mut PgConnection, market: &str) -> Result<(), sqlx::Error> {
    query("SELECT pg_advisory_xact_lock(hashtextextended('trade.market ' || $1, 0))")
        .bind(market)
        .execute(connection)
        .await?;
    Ok(())
}

/// Reads as much of the book as the order may need, and matches it.
pub async fn meet(connection: &mut PgConnection, order: &NewOrder) -> Result<Matched, sqlx::Error> {
    let mut book: Vec<Resting> = Vec::new();
    loop {
        let page = resting(connection, order, book.len()).await?;
        let last = page.len() < PAGE;
        book.extend(page.into_iter().map(Row::resting));
        let offered: Decimal = book.iter().map(|resting| resting.remaining).sum();
        if last || offered >= order.quantity {
            return Ok(match_order(order, &book));
        }
    }
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    price: Decimal,
    remaining: Decimal,
}

impl Row {
    fn resting(self) -> Resting {
        Resting {
            id: self.id,
            user: self.user_id,
            price: self.price,
            remaining: self.remaining,
        }
    }
}

/// Resting orders that cross, best price first and then oldest first, from the `skip`th on.
async fn resting(
    connection: &mut PgConnection,
    order: &NewOrder,
    skip: usize,
) -> Result<Vec<Row>, sqlx::Error> {
    let statement = match order.side {
        Side::Buy => {
            "SELECT id, user_id, price, quantity - filled AS remaining FROM trade.orders
             WHERE market = $1 AND side = 'sell' AND filled < quantity AND price <= $2
             ORDER BY price, sequence LIMIT $3 OFFSET $4"
        }
        Side::Sell => {
            "SELECT id, user_id, price, quantity - filled AS remaining FROM trade.orders
             WHERE market = $1 AND side = 'buy' AND filled < quantity AND price >= $2
             ORDER BY price DESC, sequence LIMIT $3 OFFSET $4"
        }
    };
    query_as(statement)
        .bind(order.market.to_string())
        .bind(order.terms.bound(order.side))
        .bind(PAGE as i64)
        .bind(skip as i64)
        .fetch_all(connection)
        .await
}
