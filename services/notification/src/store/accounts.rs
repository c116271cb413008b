//! What is held about one person as a whole.

use sqlx::{FromRow, query, query_as};
use uuid::Uuid;

use super::{Store, lock};

/// What a user wants to hear of.
#[derive(FromRow)]
pub struct Preferences {
    pub fills: bool,
    pub announcements: bool,
    pub changed_micros: i64,
}

impl Store {
    /// What a user wants to hear of; `None` if they never said.
    pub async fn preferences(&self, user: Uuid) -> Result<Option<Preferences>, sqlx::Error> {
        let statement = "SELECT fills, announcements,
                 (extract(epoch FROM changed_at) * 1000000)::bigint AS changed_micros
             FROM notification.preferences WHERE user_id = $1";
        query_as(statement).bind(user).fetch_optional(&self.0).await
    }

    /// Keeps what a user wants to hear of; false for someone whose data was erased.
    pub async fn prefer(
        &self,
        user: Uuid,
        fills: bool,
        announcements: bool,
        synthetic: bool,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.0.begin().await?;
        lock(&mut transaction).await?;
        let statement =
            "INSERT INTO notification.preferences (user_id, fills, announcements, synthetic)
             SELECT $1, $2, $3, $4
             WHERE NOT EXISTS (SELECT FROM notification.erased WHERE user_id = $1)
             ON CONFLICT (user_id) DO UPDATE
             SET fills = $2, announcements = $3, changed_at = now()";
        let done = query(statement)
            .bind(user)
            .bind(fills)
            .bind(announcements)
            .bind(synthetic)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Forgets a user. No event is being added meanwhile, and later ones are dropped.
    pub async fn erase(&self, user: Uuid) -> Result<(), sqlx::Error> {
        let mut transaction = self.0.begin().await?;
        lock(&mut transaction).await?;
        for statement in [
            "INSERT INTO notification.erased (user_id) VALUES ($1) ON CONFLICT DO NOTHING",
            "DELETE FROM notification.notifications WHERE user_id = $1",
            "DELETE FROM notification.preferences WHERE user_id = $1",
        ] {
            query(statement)
                .bind(user)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }
}
