//! Cancelling what rests in the book.

use rust_decimal::Decimal;
use sqlx::{PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use super::idempotency::Idempotency;
use super::orders::{self, Order};
use super::{Store, WriteError, Written, balances, book, repeat};
use crate::domain::money::Market;
use crate::domain::order::Side;
use crate::domain::settlement::{Changes, cost, release};

impl Store {
    /// Cancels what is left of an order.
    pub async fn cancel(&self, key: &Idempotency, id: Uuid) -> Result<Written<Order>, WriteError> {
        repeat(async || self.try_cancel(key, id).await).await
    }

    async fn try_cancel(&self, key: &Idempotency, id: Uuid) -> Result<Written<Order>, WriteError> {
        let mut transaction = self.pool.begin().await?;
        // The key stands for the cancel, not for the order: that one has a key of its own.
        let earlier = key.claim(&mut transaction, Uuid::now_v7()).await?;
        if earlier.is_some() {
            let order = orders::one(&mut transaction, key.user, id).await?;
            return order.map(Written::Earlier).ok_or(WriteError::NoOrder);
        }
        let market = "SELECT market FROM trade.orders WHERE id = $1 AND user_id = $2";
        let market: Option<String> = query_scalar(market)
            .bind(id)
            .bind(key.user)
            .fetch_optional(&mut *transaction)
            .await?;
        let market: Market = market.ok_or(WriteError::NoOrder)?.parse()?;
        book::lock(&mut transaction, &market.to_string()).await?;
        if close(&mut transaction, market, &[id]).await? == 0 {
            return Err(WriteError::Closed);
        }
        let order = orders::one(&mut transaction, key.user, id).await?;
        transaction.commit().await?;
        order.map(Written::Now).ok_or(WriteError::NoOrder)
    }

    /// Cancels everything that a user has in a market's book.
    pub(super) async fn cancel_all(&self, user: Uuid, market: Market) -> Result<(), WriteError> {
        let mut transaction = self.pool.begin().await?;
        book::lock(&mut transaction, &market.to_string()).await?;
        let open = "SELECT id FROM trade.orders
             WHERE user_id = $1 AND market = $2 AND filled < quantity";
        let open: Vec<Uuid> = query_scalar(open)
            .bind(user)
            .bind(market.to_string())
            .fetch_all(&mut *transaction)
            .await?;
        if !open.is_empty() {
            close(&mut transaction, market, &open).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Takes what is left of orders out of the book of a market that is locked, and frees what they
/// reserved. Returns how many of them were in it.
async fn close(
    connection: &mut PgConnection,
    market: Market,
    ids: &[Uuid],
) -> Result<usize, WriteError> {
    let statement = "SELECT user_id, side, price, quantity - filled FROM trade.orders
         WHERE id = ANY($1) AND filled < quantity";
    let open: Vec<(Uuid, String, Decimal, Decimal)> = query_as(statement)
        .bind(ids)
        .fetch_all(&mut *connection)
        .await?;
    if open.is_empty() {
        return Ok(0);
    }
    let mut changes = Changes::new();
    for (user, side, price, remaining) in &open {
        let side = if side == Side::Buy.as_str() {
            Side::Buy
        } else {
            Side::Sell
        };
        release(&mut changes, *user, cost(market, side, *price, *remaining)?)?;
    }
    balances::lock(connection, &changes).await?;
    balances::apply(connection, &changes).await?;
    // The version before takes for resting what has filled < quantity; see the second migration.
    let statement = "UPDATE trade.orders
         SET cancelled = cancelled + quantity - filled, quantity = filled WHERE id = ANY($1)";
    query(statement).bind(ids).execute(connection).await?;
    Ok(open.len())
}
