//! Placing an order: one transaction from its idempotency key to its events.

use rust_decimal::Decimal;
use sqlx::{PgConnection, query, query_as};
use uuid::Uuid;

use super::idempotency::Idempotency;
use super::orders::{Order, columns};
use super::{Store, WriteError, Written, balances, book, outbox, repeat};
use crate::domain::matching::{Fill, Matched};
use crate::domain::order::NewOrder;
use crate::domain::settlement::{needed, settle};

impl Store {
    /// Accepts an order, matches it, settles its fills and writes their events, all or nothing.
    pub async fn place(
        &self,
        key: &Idempotency,
        order: &NewOrder,
    ) -> Result<Written<Order>, WriteError> {
        repeat(async || self.try_place(key, order).await).await
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
        book::lock(&mut transaction, &order.market.to_string()).await?;
        let matched = book::meet(&mut transaction, order).await?;
        let changes = settle(order, &matched)?;
        let (asset, amount) = needed(order, &matched.fills)?;
        let held = balances::lock(&mut transaction, &changes).await?;
        let available = held.get(&(order.user, asset.as_str().to_owned()));
        if available.is_none_or(|available| *available < amount) {
            return Err(WriteError::NoFunds(asset));
        }
        balances::apply(&mut transaction, &changes).await?;
        let placed = insert_order(&mut transaction, order, &matched).await?;
        let placed = placed.ok_or(WriteError::Erased)?;
        let fills = &matched.fills;
        if !fills.is_empty() {
            fill_makers(&mut transaction, fills).await?;
            insert_fills(&mut transaction, order, fills).await?;
            outbox::write(&mut transaction, order, fills, self.colour).await?;
        }
        transaction.commit().await?;
        if !fills.is_empty() {
            self.new_events.notify_one();
        }
        Ok(Written::Now(placed))
    }
}

/// Inserts the order, unless its account was erased. Asked here, where the market is locked: an erasure
/// goes through all markets after it was recorded, so either this sees it or it sees this.
async fn insert_order(
    connection: &mut PgConnection,
    order: &NewOrder,
    matched: &Matched,
) -> Result<Option<Order>, sqlx::Error> {
    let statement = concat!(
        "INSERT INTO trade.orders
             (id, user_id, market, side, type, price, quantity, filled, cancelled)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
         WHERE NOT EXISTS (SELECT FROM trade.erasures WHERE user_id = $2)
         RETURNING ",
        columns!()
    );
    query_as(statement)
        .bind(order.id)
        .bind(order.user)
        .bind(order.market.to_string())
        .bind(order.side.as_str())
        .bind(order.terms.kind())
        .bind(order.terms.bound(order.side))
        .bind(order.quantity - matched.cancelled)
        .bind(matched.filled())
        .bind(matched.cancelled)
        .fetch_optional(connection)
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
