//! What this service holds about one person, beside their profile, consents and audit log.

use sqlx::{FromRow, query_as, query_scalar};
use uuid::Uuid;

use super::Store;
use super::audit::Entry;
use crate::domain::credentials::Email;
use crate::domain::sealing::{Field, PersonKey};

/// A session, without its secrets.
#[derive(FromRow)]
pub struct HeldSession {
    pub id: Uuid,
    pub created_micros: i64,
    pub rotated_micros: i64,
    pub expires_micros: i64,
}

/// Attempts to log in that are still counted.
#[derive(FromRow)]
pub struct HeldAttempts {
    pub attempts: i32,
    pub began_micros: i64,
}

impl Store {
    /// A person's sessions, oldest first.
    pub async fn sessions(&self, user: Uuid) -> Result<Vec<HeldSession>, sqlx::Error> {
        let statement = "SELECT id,
                 (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros,
                 (extract(epoch FROM rotated_at) * 1000000)::bigint AS rotated_micros,
                 (extract(epoch FROM expires_at) * 1000000)::bigint AS expires_micros
             FROM users.sessions WHERE user_id = $1 ORDER BY id";
        query_as(statement).bind(user).fetch_all(&self.pool).await
    }

    /// Attempts to log in with an email.
    pub async fn attempts(&self, email: &Email) -> Result<Option<HeldAttempts>, sqlx::Error> {
        let statement = "SELECT attempts,
                 (extract(epoch FROM began_at) * 1000000)::bigint AS began_micros
             FROM users.login_attempts WHERE account = $1";
        query_as(statement)
            .bind(self.lookup.of(email))
            .fetch_optional(&self.pool)
            .await
    }

    /// What entries of a person's audit log keep of fields that were changed, opened.
    pub async fn previous(
        &self,
        user: Uuid,
        entries: &[Entry],
    ) -> Result<Vec<Option<String>>, sqlx::Error> {
        let statement = "SELECT key FROM users.person_keys WHERE user_id = $1";
        let key: Option<Vec<u8>> = query_scalar(statement)
            .bind(user)
            .fetch_optional(&self.pool)
            .await?;
        let key = key.map(|key| PersonKey::stored(user, &key)).transpose()?;
        let open = |entry: &Entry| {
            let (key, sealed) = key.as_ref().zip(entry.previous_sealed.as_deref())?;
            Some(key.open(Field::Previous, sealed))
        };
        let opened = entries.iter().map(|entry| open(entry).transpose());
        Ok(opened.collect::<Result<_, _>>()?)
    }
}
