//! Placing an order: one transaction from its idempotency key to its events.

use rust_decimal::Decimal;
use sqlx::{PgConnection, query, query_as};
use uuid::Uuid;

use super::idempotency::Idempotency;
use super::orders::Order;
use super::{Store, WriteError, Written, balances, outbox};
use crate::domain::matching::{Fill, Resting, match_order};
use crate::domain::order::{NewOrder, Side};
use crate::domain::settlement::{reservation, settle};

/// Resting orders that are read at once.
const PAGE: usize = 100;
/// How often a transaction is tried that others are in the way of.
const TRIES: u32 = 3;

impl Store {
    /// Accepts an order, matches it, settles its fills and writes their events, all or nothing.
    pub async fn place(
        &self,
        key: &Idempotency,
        order: &NewOrder,
    ) -> Result<Written<Order>, WriteError> {
        let mut tries = 1;
        loop {
            match self.try_place(key, order).await {
                Err(error) if error.is_conflict() && tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    async fn try_place(
        &self,
        key: &Idempotency,
        order: &NewOrder,
    ) -> Result<Written<Order>, WriteError> {
        let mut transaction = self.pool.begin().await?;
        if let Some(earlier) = key.claim(&mut transaction, order.id).await? {
            transaction.rollback().await?;
            let earlier = self.order(order.user, earlier).await?;
            return earlier.map(Written::Earlier).ok_or(WriteError::KeyReused);
        }
        lock_market(&mut transaction, order).await?;
        let fills = meet(&mut transaction, order).await?;
        let changes = settle(order, &fills)?;
        let (asset, amount) = reservation(order)?;
        let held = balances::lock(&mut transaction, &changes).await?;
        let available = held.get(&(order.user, asset.as_str().to_owned()));
        if available.is_none_or(|available| *available < amount) {
            return Err(WriteError::NoFunds(asset));
        }
        balances::apply(&mut transaction, &changes).await?;
        let placed = insert_order(&mut transaction, order, &fills).await?;
        if !fills.is_empty() {
            fill_makers(&mut transaction, &fills).await?;
            insert_fills(&mut transaction, order, &fills).await?;
            outbox::write(&mut transaction, order, &fills, self.colour).await?;
        }
        transaction.commit().await?;
        if !fills.is_empty() {
            self.new_events.notify_one();
        }
        Ok(Written::Now(placed))
    }
}

/// One order at a time in each market, over all processes of both colours. Taken in a statement of its
/// own: what is read next must see what the one before committed.
async fn lock_market(connection: &mut PgConnection, order: &NewOrder) -> Result<(), sqlx::Error> {
    query("SELECT pg_advisory_xact_lock(hashtextextended('trade.market ' || $1, 0))")
        .bind(order.market.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Reads as much of the book as the order may need, and matches it.
async fn meet(connection: &mut PgConnection, order: &NewOrder) -> Result<Vec<Fill>, sqlx::Error> {
    let mut book: Vec<Resting> = Vec::new();
    loop {
        let page = resting(connection, order, book.len()).await?;
        let last = page.len() < PAGE;
        book.extend(page);
        let offered: Decimal = book.iter().map(|resting| resting.remaining).sum();
        if last || offered >= order.quantity {
            return Ok(match_order(order, &book));
        }
    }
}

/// Resting orders that cross, best price first and then oldest first, from the `skip`th on.
async fn resting(
    connection: &mut PgConnection,
    order: &NewOrder,
    skip: usize,
) -> Result<Vec<Resting>, sqlx::Error> {
    let statement = match order.side {
        Side::Buy => {
            "SELECT id, user_id, price, quantity - filled FROM trade.orders
             WHERE market = $1 AND side = 'sell' AND filled < quantity AND price <= $2
             ORDER BY price, sequence LIMIT $3 OFFSET $4"
        }
        Side::Sell => {
            "SELECT id, user_id, price, quantity - filled FROM trade.orders
             WHERE market = $1 AND side = 'buy' AND filled < quantity AND price >= $2
             ORDER BY price DESC, sequence LIMIT $3 OFFSET $4"
        }
    };
    let rows: Vec<(Uuid, Uuid, Decimal, Decimal)> = query_as(statement)
        .bind(order.market.to_string())
        .bind(order.price)
        .bind(PAGE as i64)
        .bind(skip as i64)
        .fetch_all(connection)
        .await?;
    let resting = |(id, user, price, remaining)| Resting {
        id,
        user,
        price,
        remaining,
    };
    Ok(rows.into_iter().map(resting).collect())
}

async fn insert_order(
    connection: &mut PgConnection,
    order: &NewOrder,
    fills: &[Fill],
) -> Result<Order, sqlx::Error> {
    let filled: Decimal = fills.iter().map(|fill| fill.quantity).sum();
    let statement = "INSERT INTO trade.orders (id, user_id, market, side, price, quantity, filled)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id, market, side, price, quantity, filled";
    query_as(statement)
        .bind(order.id)
        .bind(order.user)
        .bind(order.market.to_string())
        .bind(order.side.as_str())
        .bind(order.price)
        .bind(order.quantity)
        .bind(filled)
        .fetch_one(connection)
        .await
}

async fn fill_makers(connection: &mut PgConnection, fills: &[Fill]) -> Result<(), sqlx::Error> {
    let (orders, quantities): (Vec<Uuid>, Vec<Decimal>) = fills
        .iter()
        .map(|fill| (fill.maker_order, fill.quantity))
        .unzip();
    let statement = "UPDATE trade.orders o SET filled = o.filled + f.quantity
         FROM unnest($1::uuid[], $2::numeric[]) AS f (id, quantity) WHERE o.id = f.id";
    query(statement)
        .bind(orders)
        .bind(quantities)
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_fills(
    connection: &mut PgConnection,
    order: &NewOrder,
    fills: &[Fill],
) -> Result<(), sqlx::Error> {
    let statement =
        "INSERT INTO trade.fills (id, maker_order, price, quantity, market, taker_order)
         SELECT f.*, $5, $6 FROM unnest($1::uuid[], $2::uuid[], $3::numeric[], $4::numeric[]) AS f";
    query(statement)
        .bind(fills.iter().map(|fill| fill.id).collect::<Vec<_>>())
        .bind(
            fills
                .iter()
                .map(|fill| fill.maker_order)
                .collect::<Vec<_>>(),
        )
        .bind(fills.iter().map(|fill| fill.price).collect::<Vec<_>>())
        .bind(fills.iter().map(|fill| fill.quantity).collect::<Vec<_>>())
        .bind(order.market.to_string())
        .bind(order.id)
        .execute(connection)
        .await?;
    Ok(())
}
