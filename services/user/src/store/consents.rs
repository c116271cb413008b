//! Consents.

use sqlx::{FromRow, query_as, query_scalar};
use uuid::Uuid;

use super::Store;
use super::audit::Record;
use crate::domain::audit::Action;
use crate::domain::consents::Purpose;

/// Something that a person said about a purpose.
#[derive(FromRow)]
pub struct Consent {
    pub id: Uuid,
    pub purpose: String,
    pub version: i32,
    pub granted: bool,
    pub created_micros: i64,
}

impl Store {
    /// Keeps what a person says; `None` when there is no such person.
    pub async fn add_consent(
        &self,
        user: Uuid,
        purpose: &str,
        version: i32,
        granted: bool,
    ) -> Result<Option<Consent>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let statement = "INSERT INTO users.consents (id, user_id, purpose, version, granted)
             SELECT $1, id, $3, $4, $5 FROM users.accounts WHERE id = $2 FOR KEY SHARE
             RETURNING id, purpose, version, granted,
                 (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros";
        let consent: Option<Consent> = query_as(statement)
            .bind(Uuid::now_v7())
            .bind(user)
            .bind(purpose)
            .bind(version)
            .bind(granted)
            .fetch_optional(&mut *transaction)
            .await?;
        if consent.is_some() {
            let action = match granted {
                true => Action::ConsentGiven,
                false => Action::ConsentTakenBack,
            };
            Record::own(user, action).write(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(consent)
    }

    /// People whose last word on a purpose is consent to the text as it is now, in the order of their ids.
    pub async fn who_agrees(
        &self,
        purpose: &Purpose,
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<Uuid>, sqlx::Error> {
        let statement = "SELECT id FROM users.accounts AS a
             WHERE id > $3 AND NOT synthetic AND coalesce((
                 SELECT granted AND version = $2 FROM users.consents
                 WHERE user_id = a.id AND purpose = $1 ORDER BY id DESC LIMIT 1), false)
             ORDER BY id LIMIT $4";
        query_scalar(statement)
            .bind(purpose.name)
            .bind(purpose.version)
            .bind(after)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
    }

    /// All that a person said, oldest first.
    pub async fn consents(&self, user: Uuid) -> Result<Vec<Consent>, sqlx::Error> {
        let statement = "SELECT id, purpose, version, granted,
                 (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros
             FROM users.consents WHERE user_id = $1 ORDER BY id";
        query_as(statement).bind(user).fetch_all(&self.pool).await
    }
}
