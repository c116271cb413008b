//! What is held about one person.

use serde_json::Value;
use sqlx::{FromRow, query_as};
use uuid::Uuid;

use super::Store;

/// Something that a user did, or that happened to an order of theirs.
#[derive(FromRow)]
pub struct Entry {
    pub id: Uuid,
    pub kind: String,
    pub details: Value,
    pub created_micros: i64,
}

impl Store {
    /// What a user did after an entry, oldest first. More than `limit` where one id has several entries:
    /// none is ever cut off.
    pub async fn history(
        &self,
        user: Uuid,
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<Entry>, sqlx::Error> {
        let statement = "SELECT id, kind, details,
                 (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros
             FROM (
                 SELECT id, 'deposit' AS kind, created_at,
                     jsonb_build_object('asset', asset, 'amount', trim_scale(amount)::text) AS details
                 FROM trade.deposits WHERE user_id = $1
                 UNION ALL
                 SELECT id, 'withdrawal', created_at,
                     jsonb_build_object('asset', asset, 'amount', trim_scale(amount)::text)
                 FROM trade.withdrawals WHERE user_id = $1
                 UNION ALL
                 SELECT id, 'order', created_at, jsonb_build_object('market', market, 'side', side,
                     'type', type, 'price', trim_scale(price)::text, 'quantity', trim_scale(quantity + cancelled)::text,
                     'filled', trim_scale(filled)::text, 'cancelled', trim_scale(cancelled)::text)
                 FROM trade.orders WHERE user_id = $1
                 UNION ALL
                 SELECT f.id, 'fill', f.created_at, jsonb_build_object('orderId', o.id,
                     'market', f.market, 'side', o.side, 'price', trim_scale(f.price)::text,
                     'quantity', trim_scale(f.quantity)::text)
                 FROM trade.orders o JOIN trade.fills f ON o.id IN (f.maker_order, f.taker_order)
                 WHERE o.user_id = $1
             ) AS entries
             WHERE id > $2 ORDER BY id FETCH FIRST $3 ROWS WITH TIES";
        query_as(statement)
            .bind(user)
            .bind(after)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
    }
}
