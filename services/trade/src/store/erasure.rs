//! Erasure of a person: what they traded stays, under an id that names nobody any more.

use sqlx::query;
use uuid::Uuid;

use super::{Store, WriteError};
use crate::domain::money::Market;

impl Store {
    /// Closes a user's account for good: takes its orders out of all books and forgets what only served
    /// the person. Repeating it is harmless.
    pub async fn erase(&self, user: Uuid) -> Result<(), WriteError> {
        // Committed first: an order that is placed meanwhile either sees it, or is seen below.
        let statement = "INSERT INTO trade.erasures (user_id) VALUES ($1) ON CONFLICT DO NOTHING";
        query(statement).bind(user).execute(&self.pool).await?;
        for market in Market::all() {
            self.cancel_all(user, market).await?;
        }
        self.forget(user).await?;
        Ok(())
    }

    /// Removes what no accounting duty keeps: keys that the client chose, and events for the person. An
    /// event that is being delivered is waited for.
    async fn forget(&self, user: Uuid) -> Result<(), sqlx::Error> {
        for statement in [
            "DELETE FROM trade.idempotency_keys WHERE user_id = $1",
            "DELETE FROM trade.outbox WHERE user_id = $1",
        ] {
            query(statement).bind(user).execute(&self.pool).await?;
        }
        Ok(())
    }
}
