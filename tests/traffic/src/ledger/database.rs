//! Reads the exchange's tables: the one place that knows their columns.

use std::collections::HashSet;

use anyhow::Result;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::ledger::{FilledSide, StoredOrder};

// The key of an order is kept beside it; an order without one was placed by nobody.
const ORDERS: &str = "SELECT o.id, k.key FROM trade.orders o \
     LEFT JOIN trade.idempotency_keys k ON k.resource_id = o.id AND k.user_id = o.user_id \
     WHERE o.user_id = ANY($1)";

const FILLED_SIDES: &str = "SELECT f.id, o.user_id FROM trade.fills f \
     JOIN trade.orders o ON o.id IN (f.maker_order, f.taker_order) \
     WHERE o.user_id = ANY($1)";

const NOTIFIED_SIDES: &str = "SELECT (payload->>'fillId')::uuid, user_id \
     FROM notification.notifications WHERE kind = 'fill' AND user_id = ANY($1)";

const INBOX: &str =
    "SELECT id FROM notification.notifications WHERE user_id = $1 ORDER BY sequence";

/// A connection that only reads.
pub struct Database(PgConnection);

impl Database {
    pub async fn connect(url: &str) -> sqlx::Result<Self> {
        PgConnection::connect(url).await.map(Self)
    }

    /// The orders of `users`.
    pub async fn orders(&mut self, users: &[Uuid]) -> Result<Vec<StoredOrder>> {
        let rows: Vec<(Uuid, Option<String>)> = sqlx::query_as(ORDERS)
            .bind(users)
            .fetch_all(&mut self.0)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, key)| StoredOrder { id, key })
            .collect())
    }

    /// The sides of fills that belong to `users`.
    pub async fn filled_sides(&mut self, users: &[Uuid]) -> Result<HashSet<FilledSide>> {
        Ok(self.sides(FILLED_SIDES, users).await?.into_iter().collect())
    }

    /// The sides that notifications to `users` are about, one for each notification.
    pub async fn notified_sides(&mut self, users: &[Uuid]) -> Result<Vec<FilledSide>> {
        self.sides(NOTIFIED_SIDES, users).await
    }

    /// The notifications of a user, in their order.
    pub async fn inbox(&mut self, user: Uuid) -> Result<Vec<Uuid>> {
        let inbox = sqlx::query_scalar(INBOX).bind(user);
        Ok(inbox.fetch_all(&mut self.0).await?)
    }

    async fn sides(&mut self, query: &'static str, users: &[Uuid]) -> Result<Vec<FilledSide>> {
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(query)
            .bind(users)
            .fetch_all(&mut self.0)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(fill, user)| FilledSide { fill, user })
            .collect())
    }
}
