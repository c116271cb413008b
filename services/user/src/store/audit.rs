//! The audit log.

use sqlx::{FromRow, PgConnection, query, query_as};
use uuid::Uuid;

use super::Store;
use crate::domain::audit::Action;

/// Something that was done to a person's data.
#[derive(FromRow)]
pub struct Entry {
    pub id: Uuid,
    pub user_id: Uuid,
    /// Nobody: the exchange itself.
    pub actor: Option<Uuid>,
    pub action: String,
    pub previous_sealed: Option<Vec<u8>>,
    pub created_micros: i64,
}

/// An entry to be.
pub struct Record<'a> {
    /// Whose data.
    pub user: Uuid,
    /// Who; nobody for the exchange itself.
    pub actor: Option<Uuid>,
    pub action: Action,
    /// What stood there before, sealed.
    pub previous: Option<&'a [u8]>,
}

impl Record<'_> {
    /// What a person does to their own data.
    pub fn own(user: Uuid, action: Action) -> Self {
        Self {
            user,
            actor: Some(user),
            action,
            previous: None,
        }
    }

    /// Writes it, with the transaction that does what it tells of.
    pub async fn write(&self, transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
        let statement = "INSERT INTO users.audit_log (id, user_id, actor, action, previous_sealed)
             VALUES ($1, $2, $3, $4, $5)";
        query(statement)
            .bind(Uuid::now_v7())
            .bind(self.user)
            .bind(self.actor)
            .bind(self.action.as_str())
            .bind(self.previous)
            .execute(transaction)
            .await?;
        Ok(())
    }
}

impl Store {
    /// Records something that changed nothing here.
    pub async fn record(&self, record: Record<'_>) -> Result<(), sqlx::Error> {
        record.write(&mut *self.pool.acquire().await?).await
    }

    /// Entries after one of them, oldest first; of one person, or of all.
    pub async fn audit_log(
        &self,
        of: Option<Uuid>,
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<Entry>, sqlx::Error> {
        let statement = "SELECT id, user_id, actor, action, previous_sealed,
                 (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros
             FROM users.audit_log WHERE ($1::uuid IS NULL OR user_id = $1) AND id > $2
             ORDER BY id LIMIT $3";
        query_as(statement)
            .bind(of)
            .bind(after)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
    }
}
