//! Keys of persons, and the sealing of what the version before left readable.

use sqlx::{PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use super::Store;
use crate::domain::credentials::Email;
use crate::domain::sealing::{Field, PersonKey};

/// How many accounts are looked at at once.
const BATCH: i64 = 100;

/// Stores the key of a new account.
pub async fn add(
    transaction: &mut PgConnection,
    user: Uuid,
    key: &PersonKey,
) -> Result<(), sqlx::Error> {
    query("INSERT INTO users.person_keys (user_id, key) VALUES ($1, $2)")
        .bind(user)
        .bind(key.bytes())
        .execute(transaction)
        .await?;
    Ok(())
}

/// The key of a person whose account is locked; made now if the version before added the account.
pub async fn of(transaction: &mut PgConnection, user: Uuid) -> Result<PersonKey, sqlx::Error> {
    let statement = "SELECT key FROM users.person_keys WHERE user_id = $1";
    let stored: Option<Vec<u8>> = query_scalar(statement)
        .bind(user)
        .fetch_optional(&mut *transaction)
        .await?;
    match stored {
        Some(key) => Ok(PersonKey::stored(user, &key)?),
        None => {
            let key = PersonKey::generate(user);
            add(transaction, user, &key).await?;
            Ok(key)
        }
    }
}

impl Store {
    /// Seals the emails that the version before left readable.
    pub async fn seal_emails(&self) -> Result<(), sqlx::Error> {
        let mut after = Uuid::nil();
        loop {
            let statement = "SELECT id FROM users.accounts
                 WHERE email_sealed IS NULL AND id > $1 ORDER BY id LIMIT $2";
            let ids: Vec<Uuid> = query_scalar(statement)
                .bind(after)
                .bind(BATCH)
                .fetch_all(&self.pool)
                .await?;
            let Some(last) = ids.last() else { break };
            after = *last;
            for id in ids {
                self.seal_email(id).await?;
            }
        }
        if !self.plain_emails {
            let statement = "UPDATE users.accounts SET email = id::text
                 WHERE email_sealed IS NOT NULL AND email <> id::text";
            query(statement).execute(&self.pool).await?;
        }
        Ok(())
    }

    async fn seal_email(&self, id: Uuid) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let statement = "SELECT email FROM users.accounts
             WHERE id = $1 AND email_sealed IS NULL FOR UPDATE";
        let row: Option<(String,)> = query_as(statement)
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(Ok(email)) = row.map(|(email,)| Email::parse(&email)) else {
            return Ok(());
        };
        let key = of(&mut transaction, id).await?;
        let statement = "UPDATE users.accounts SET email_lookup = $2, email_sealed = $3, email = $4
             WHERE id = $1
               AND NOT EXISTS (SELECT FROM users.accounts WHERE email_lookup = $2)";
        let sealed = query(statement)
            .bind(id)
            .bind(self.lookup.of(&email))
            .bind(key.seal(Field::Email, email.as_str())?)
            .bind(self.readable(id, &email))
            .execute(&mut *transaction)
            .await?;
        if sealed.rows_affected() == 0 {
            let advice = "an email has two accounts: the version before added one that it could not \
                see; keep emails plain while it runs";
            tracing::error!(account = %id, advice);
            return Ok(());
        }
        transaction.commit().await
    }
}
