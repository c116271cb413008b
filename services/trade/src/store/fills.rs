//! Fills: as one of their sides sees them, and as everyone does.

use rust_decimal::Decimal;
use sqlx::{FromRow, query_as};
use uuid::Uuid;

use super::Store;
use crate::domain::money::Market;

/// A fill of one of the user's orders.
#[derive(FromRow)]
pub struct OwnFill {
    pub id: Uuid,
    pub order_id: Uuid,
    pub market: String,
    pub side: String,
    /// `maker` or `taker`.
    pub role: String,
    pub price: Decimal,
    pub quantity: Decimal,
    pub created_micros: i64,
}

/// A fill as everyone sees it.
#[derive(FromRow)]
pub struct MarketFill {
    pub id: Uuid,
    /// The side of the order that came second.
    pub side: String,
    pub price: Decimal,
    pub quantity: Decimal,
    pub created_micros: i64,
}

impl Store {
    /// A user's fills before one of them, newest first. Ids are in the order of time.
    pub async fn fills(
        &self,
        user: Uuid,
        before: Uuid,
        limit: i64,
    ) -> Result<Vec<OwnFill>, sqlx::Error> {
        let statement = "SELECT f.id, o.id AS order_id, f.market, o.side, f.role, f.price,
                 f.quantity, (extract(epoch FROM f.created_at) * 1000000)::bigint AS created_micros
             FROM trade.orders o CROSS JOIN LATERAL (
                 SELECT *, 'maker' AS role FROM trade.fills WHERE maker_order = o.id
                 UNION ALL
                 SELECT *, 'taker' AS role FROM trade.fills WHERE taker_order = o.id
             ) AS f
             WHERE o.user_id = $1 AND f.id < $2 ORDER BY f.id DESC LIMIT $3";
        query_as(statement)
            .bind(user)
            .bind(before)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
    }

    /// A market's fills before one of them, newest first.
    pub async fn market_fills(
        &self,
        market: Market,
        before: Uuid,
        limit: i64,
    ) -> Result<Vec<MarketFill>, sqlx::Error> {
        let statement = "SELECT f.id, o.side, f.price, f.quantity,
                 (extract(epoch FROM f.created_at) * 1000000)::bigint AS created_micros
             FROM trade.fills f JOIN trade.orders o ON o.id = f.taker_order
             WHERE f.market = $1 AND f.id < $2 ORDER BY f.id DESC LIMIT $3";
        query_as(statement)
            .bind(market.to_string())
            .bind(before)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
    }
}
