//! Orders, as they are read.

use rust_decimal::Decimal;
use sqlx::{FromRow, PgConnection, query_as};
use uuid::Uuid;

use super::Store;

/// Columns of an [`Order`]. A cancel takes from the column `quantity`; what was ordered is the sum.
macro_rules! columns {
    () => {
        "id, market, side, type AS kind, price, quantity + cancelled AS quantity, filled, cancelled,
         (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros"
    };
}
pub(super) use columns;

/// An order as stored.
#[derive(Debug, FromRow)]
pub struct Order {
    pub id: Uuid,
    pub market: String,
    pub side: String,
    pub kind: String,
    pub price: Decimal,
    /// What was ordered.
    pub quantity: Decimal,
    pub filled: Decimal,
    pub cancelled: Decimal,
    pub created_micros: i64,
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
        one(&mut *self.pool.acquire().await?, user, id).await
    }

    /// A user's orders, newest first: those older than `before`, where it is given.
    pub async fn orders(
        &self,
        user: Uuid,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Order>, sqlx::Error> {
        let statement = concat!(
            "SELECT ",
            columns!(),
            " FROM trade.orders WHERE user_id = $1 AND sequence < coalesce(
                 (SELECT sequence FROM trade.orders WHERE id = $2), 9223372036854775807)
             ORDER BY sequence DESC LIMIT $3"
        );
        query_as(statement)
            .bind(user)
            .bind(before)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
    }
}

/// An order of a user, as the transaction sees it.
pub async fn one(
    connection: &mut PgConnection,
    user: Uuid,
    id: Uuid,
) -> Result<Option<Order>, sqlx::Error> {
    let statement = concat!(
        "SELECT ",
        columns!(),
        " FROM trade.orders WHERE id = $1 AND user_id = $2"
    );
    query_as(statement)
        .bind(id)
        .bind(user)
        .fetch_optional(connection)
        .await
}
