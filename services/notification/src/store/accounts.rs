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
