//! Orders and the book, as they are read.

use rust_decimal::Decimal;
use sqlx::{FromRow, query_as};
use uuid::Uuid;

use super::Store;
use crate::domain::money::Market;
use crate::domain::order::Side;

/// Levels of the book that are shown on each side.
const LEVELS: i64 = 50;

/// An order as stored.
#[derive(Debug, FromRow)]
pub struct Order {
    pub id: Uuid,
    pub market: String,
    pub side: String,
    pub price: Decimal,
    pub quantity: Decimal,
    pub filled: Decimal,
}

/// All that rests at one price.
#[derive(FromRow)]
pub struct Level {
    pub price: Decimal,
    pub quantity: Decimal,
}

impl Store {
    /// An order of a user; other people's orders do not exist.
    pub async fn order(&self, user: Uuid, id: Uuid) -> Result<Option<Order>, sqlx::Error> {
        let statement = "SELECT id, market, side, price, quantity, filled FROM trade.orders
             WHERE id = $1 AND user_id = $2";
        query_as(statement)
            .bind(id)
            .bind(user)
            .fetch_optional(&self.pool)
            .await
    }

    /// A user's orders, newest first.
    pub async fn orders(&self, user: Uuid, limit: i64) -> Result<Vec<Order>, sqlx::Error> {
        let statement = "SELECT id, market, side, price, quantity, filled FROM trade.orders
             WHERE user_id = $1 ORDER BY sequence DESC LIMIT $2";
        query_as(statement)
            .bind(user)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
    }

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
