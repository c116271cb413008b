//! The keys that tokens are signed with, shared by all replicas of both colours.

use exchange_platform::{KeySource, KeysUnavailable, SigningKey, SigningKeyError};
use jsonwebtoken::jwk::JwkSet;
use sqlx::PgPool;
use thiserror::Error;

/// Taken while a first key is made, so that processes that start together agree on one.
const LOCK: i64 = 0x0065_7863_6861_6e67;

/// The table of signing keys.
#[derive(Clone)]
pub struct SigningKeys(PgPool);

/// Why there is no signing key.
#[derive(Debug, Error)]
pub enum StoredKeyError {
    #[error("the signing key cannot be read from the database ({0})")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Key(#[from] SigningKeyError),
}

type Row = (String, Vec<u8>);

impl SigningKeys {
    pub fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// The newest key; made now if there is none.
    pub async fn current(&self) -> Result<SigningKey, StoredKeyError> {
        let mut transaction = self.0.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(LOCK)
            .execute(&mut *transaction)
            .await?;
        let newest = "SELECT kid, private_key FROM users.signing_keys
             ORDER BY created_at DESC, kid LIMIT 1";
        let newest = sqlx::query_as::<_, Row>(newest)
            .fetch_optional(&mut *transaction)
            .await?;
        let (kid, pkcs8) = match newest {
            Some(row) => row,
            None => {
                let (kid, pkcs8) = SigningKey::generate()?;
                sqlx::query("INSERT INTO users.signing_keys (kid, private_key) VALUES ($1, $2)")
                    .bind(&kid)
                    .bind(&pkcs8)
                    .execute(&mut *transaction)
                    .await?;
                (kid, pkcs8)
            }
        };
        transaction.commit().await?;
        Ok(SigningKey::from_pkcs8(kid, &pkcs8)?)
    }

    /// The public parts of all keys: those of earlier keys too, for tokens they signed.
    pub async fn published(&self) -> Result<JwkSet, sqlx::Error> {
        let all = "SELECT kid, private_key FROM users.signing_keys ORDER BY created_at, kid";
        let rows: Vec<Row> = sqlx::query_as(all).fetch_all(&self.0).await?;
        let readable = rows.into_iter().filter_map(|(kid, pkcs8)| {
            let key = SigningKey::from_pkcs8(kid, &pkcs8);
            key.inspect_err(|error| tracing::error!(%error, "signing key"))
                .ok()
        });
        Ok(JwkSet {
            keys: readable.map(|key| key.jwk()).collect(),
        })
    }
}

impl KeySource for SigningKeys {
    async fn fetch(&self) -> Result<JwkSet, KeysUnavailable> {
        Ok(self.published().await?)
    }
}
