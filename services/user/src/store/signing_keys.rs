//! The keys that tokens are signed with, shared by all replicas of both colours.

use exchange_platform::{KeySource, KeysUnavailable, SigningKey, SigningKeyError};
use jsonwebtoken::jwk::JwkSet;
use sqlx::{FromRow, PgConnection, PgPool};
use thiserror::Error;

use crate::domain::key_schedule::{KeyAge, KeySchedule};

/// Taken while keys change, so that processes that start together agree on one.
const LOCK: i64 = 0x0065_7863_6861_6e67;

/// The table of signing keys.
#[derive(Clone)]
pub struct SigningKeys {
    pool: PgPool,
    schedule: KeySchedule,
}

/// Why there is no signing key.
#[derive(Debug, Error)]
pub enum StoredKeyError {
    #[error("the signing key cannot be read from the database ({0})")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    #[error("there is no signing key; restart this service to make one")]
    Missing,
}

#[derive(FromRow)]
struct Row {
    kid: String,
    private_key: Vec<u8>,
    created: f64,
}

const ALL: &str = "SELECT kid, private_key, extract(epoch FROM created_at)::float8 AS created
     FROM users.signing_keys ORDER BY created_at, kid";

impl SigningKeys {
    pub fn new(pool: PgPool, schedule: KeySchedule) -> Self {
        Self { pool, schedule }
    }

    /// Makes a key if one is due and removes those that no valid token was signed with; `now` in
    /// seconds since 1970.
    pub async fn renew(&self, now: f64) -> Result<(), StoredKeyError> {
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction).await?;
        let rows: Vec<Row> = sqlx::query_as(ALL).fetch_all(&mut *transaction).await?;
        let keys = ages(&rows);
        if self.schedule.is_due(&keys, now) {
            add(&mut transaction, now).await?;
        }
        for kid in self.schedule.obsolete(&keys, now) {
            remove(&mut transaction, kid).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Makes a key out of turn; returns its id.
    pub async fn rotate(&self, now: f64) -> Result<String, StoredKeyError> {
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction).await?;
        let kid = add(&mut transaction, now).await?;
        transaction.commit().await?;
        Ok(kid)
    }

    /// Removes a key that others may have, and with it all tokens that it signed; makes a new one if it
    /// was the last. Returns whether it was there.
    pub async fn withdraw(&self, kid: &str, now: f64) -> Result<bool, StoredKeyError> {
        let mut transaction = self.pool.begin().await?;
        lock(&mut transaction).await?;
        let removed = remove(&mut transaction, kid).await?;
        let left: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM users.signing_keys)")
            .fetch_one(&mut *transaction)
            .await?;
        if !left {
            add(&mut transaction, now).await?;
        }
        transaction.commit().await?;
        Ok(removed)
    }

    /// The key that signs now. Read each time: another process may have made or withdrawn one.
    pub async fn signing(&self, now: f64) -> Result<SigningKey, StoredKeyError> {
        let rows: Vec<Row> = sqlx::query_as(ALL).fetch_all(&self.pool).await?;
        let ages = ages(&rows);
        let kid = self.schedule.signing(&ages, now).map(|key| &key.kid);
        let row = rows.iter().find(|row| Some(&row.kid) == kid);
        let row = row.ok_or(StoredKeyError::Missing)?;
        Ok(SigningKey::from_pkcs8(row.kid.clone(), &row.private_key)?)
    }

    /// The public parts of all keys: those of earlier keys too, for tokens they signed.
    pub async fn published(&self) -> Result<JwkSet, sqlx::Error> {
        let rows: Vec<Row> = sqlx::query_as(ALL).fetch_all(&self.pool).await?;
        let readable = rows.into_iter().filter_map(|row| {
            let key = SigningKey::from_pkcs8(row.kid, &row.private_key);
            key.inspect_err(|error| tracing::error!(%error, "signing key"))
                .ok()
        });
        Ok(JwkSet {
            keys: readable.map(|key| key.jwk()).collect(),
        })
    }
}

fn ages(rows: &[Row]) -> Vec<KeyAge> {
    let age = |row: &Row| KeyAge {
        kid: row.kid.clone(),
        created: row.created,
    };
    rows.iter().map(age).collect()
}

async fn lock(transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
    let statement = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
    statement.execute(transaction).await?;
    Ok(())
}

async fn add(transaction: &mut PgConnection, now: f64) -> Result<String, StoredKeyError> {
    let (kid, pkcs8) = SigningKey::generate()?;
    let statement = "INSERT INTO users.signing_keys (kid, private_key, created_at)
         VALUES ($1, $2, to_timestamp($3))";
    sqlx::query(statement)
        .bind(&kid)
        .bind(&pkcs8)
        .bind(now)
        .execute(transaction)
        .await?;
    Ok(kid)
}

async fn remove(transaction: &mut PgConnection, kid: &str) -> Result<bool, sqlx::Error> {
    let statement = sqlx::query("DELETE FROM users.signing_keys WHERE kid = $1").bind(kid);
    let removed = statement.execute(transaction).await?;
    Ok(removed.rows_affected() == 1)
}

impl KeySource for SigningKeys {
    async fn fetch(&self) -> Result<JwkSet, KeysUnavailable> {
        Ok(self.published().await?)
    }
}
