//! Removes what is kept for a while only.

use sqlx::{PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use super::{Store, WriteError};
use crate::domain::money::Market;
use crate::domain::retention::Cutoffs;

/// Accounts of journeys that are removed in one transaction.
const BATCH: i64 = 100;

impl Store {
    /// Removes everything older than the cutoffs. Several processes may do it at once.
    pub async fn retain(&self, cutoffs: &Cutoffs) -> Result<(), WriteError> {
        self.finish_erasures().await?;
        for (statement, cutoff) in [
            (
                "DELETE FROM trade.outbox WHERE delivered_at < to_timestamp($1)",
                cutoffs.events,
            ),
            (
                "DELETE FROM trade.idempotency_keys WHERE created_at < to_timestamp($1)",
                cutoffs.idempotency_keys,
            ),
        ] {
            query(statement).bind(cutoff).execute(&self.pool).await?;
        }
        while self.remove_synthetic(cutoffs.synthetic_accounts).await? {}
        Ok(())
    }

    /// The version before does not know of erasures: what it wrote for someone after theirs goes now.
    async fn finish_erasures(&self) -> Result<(), WriteError> {
        let statement = "SELECT DISTINCT o.user_id, o.market
             FROM trade.orders o JOIN trade.erasures e USING (user_id) WHERE o.filled < o.quantity";
        let open: Vec<(Uuid, String)> = query_as(statement).fetch_all(&self.pool).await?;
        for (user, market) in open {
            self.cancel_all(user, market.parse()?).await?;
        }
        for statement in [
            "DELETE FROM trade.idempotency_keys k USING trade.erasures e WHERE k.user_id = e.user_id",
            "DELETE FROM trade.outbox o USING trade.erasures e WHERE o.user_id = e.user_id",
        ] {
            query(statement).execute(&self.pool).await?;
        }
        Ok(())
    }

    /// Removes some accounts of journeys with all that they did; returns whether there were any.
    async fn remove_synthetic(&self, cutoff: f64) -> Result<bool, WriteError> {
        let statement = "SELECT user_id FROM trade.synthetic_accounts
             WHERE created_at < to_timestamp($1) ORDER BY user_id LIMIT $2";
        let users: Vec<Uuid> = query_scalar(statement)
            .bind(cutoff)
            .bind(BATCH)
            .fetch_all(&self.pool)
            .await?;
        // Out of the books first, under each market's lock: nobody is matching with them any more.
        let statement = "SELECT DISTINCT user_id, market FROM trade.orders
             WHERE user_id = ANY($1) AND filled < quantity";
        let open: Vec<(Uuid, String)> = query_as(statement)
            .bind(&users)
            .fetch_all(&self.pool)
            .await?;
        for (user, market) in open {
            let market: Market = market.parse()?;
            self.cancel_all(user, market).await?;
        }
        let mut transaction = self.pool.begin().await?;
        remove(&mut transaction, &users).await?;
        transaction.commit().await?;
        Ok(!users.is_empty())
    }
}

async fn remove(connection: &mut PgConnection, users: &[Uuid]) -> Result<(), sqlx::Error> {
    for statement in [
        // In the order in which matches lock them.
        "SELECT FROM trade.balances WHERE user_id = ANY($1) ORDER BY user_id, asset FOR UPDATE",
        "DELETE FROM trade.fills f USING trade.orders o
         WHERE o.user_id = ANY($1) AND f.maker_order = o.id",
        "DELETE FROM trade.fills f USING trade.orders o
         WHERE o.user_id = ANY($1) AND f.taker_order = o.id",
        "DELETE FROM trade.orders WHERE user_id = ANY($1)",
        "DELETE FROM trade.deposits WHERE user_id = ANY($1)",
        "DELETE FROM trade.withdrawals WHERE user_id = ANY($1)",
        "DELETE FROM trade.idempotency_keys WHERE user_id = ANY($1)",
        "DELETE FROM trade.outbox WHERE user_id = ANY($1)",
        "DELETE FROM trade.balances WHERE user_id = ANY($1)",
        "DELETE FROM trade.synthetic_accounts WHERE user_id = ANY($1)",
    ] {
        query(statement)
            .bind(users)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
