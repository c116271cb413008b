//! Erasure of a person: the key that opens their fields is destroyed, and the account is gone.

use sqlx::{query, query_scalar};
use uuid::Uuid;

use super::Store;
use super::audit::Record;
use crate::domain::audit::Action;

impl Store {
    /// Erases a person here; trade and notification are for [`Store::unfinished_erasures`] to say.
    /// Repeating it is harmless. Returns whether there is, or was, such a person.
    pub async fn erase(&self, user: Uuid, actor: Uuid) -> Result<bool, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let statement = "DELETE FROM users.accounts WHERE id = $1 RETURNING email_lookup";
        let lookup: Option<Option<Vec<u8>>> = query_scalar(statement)
            .bind(user)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(lookup) = lookup else {
            let known = "SELECT EXISTS (SELECT FROM users.erasures WHERE user_id = $1)";
            return query_scalar(known).bind(user).fetch_one(&self.pool).await;
        };
        for statement in [
            "DELETE FROM users.person_keys WHERE user_id = $1",
            "INSERT INTO users.erasures (user_id) VALUES ($1) ON CONFLICT DO NOTHING",
        ] {
            query(statement)
                .bind(user)
                .execute(&mut *transaction)
                .await?;
        }
        query("DELETE FROM users.login_attempts WHERE account = $1")
            .bind(lookup)
            .execute(&mut *transaction)
            .await?;
        let record = Record {
            actor: Some(actor),
            ..Record::own(user, Action::Erased)
        };
        record.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// People whom trade and notification have not forgotten yet; `again` also those of the last day.
    pub async fn unfinished_erasures(&self, again: bool) -> Result<Vec<Uuid>, sqlx::Error> {
        let statement = "SELECT user_id FROM users.erasures WHERE completed_at IS NULL
                 OR $1 AND created_at > now() - interval '1 day' ORDER BY created_at";
        query_scalar(statement)
            .bind(again)
            .fetch_all(&self.pool)
            .await
    }

    /// Remembers that trade and notification have forgotten a person.
    pub async fn complete_erasure(&self, user: Uuid) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE users.erasures SET completed_at = now()
             WHERE user_id = $1 AND completed_at IS NULL";
        let done = query(statement)
            .bind(user)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 1 {
            let record = Record {
                actor: None,
                ..Record::own(user, Action::ErasureCompleted)
            };
            record.write(&mut transaction).await?;
        }
        transaction.commit().await
    }
}
