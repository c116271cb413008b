//! Writes that are sent again.

use sha2::{Digest, Sha256};
use sqlx::{PgConnection, query, query_as};
use uuid::Uuid;

use super::WriteError;

/// The key under which a client may send a write again, and what that write is.
pub struct Idempotency {
    pub user: Uuid,
    pub key: String,
    hash: Vec<u8>,
}

impl Idempotency {
    /// `canonical` is the request's content in one form.
    pub fn new(user: Uuid, key: String, canonical: &str) -> Self {
        let hash = Sha256::digest(canonical.as_bytes()).to_vec();
        Self { user, key, hash }
    }

    /// Takes the key for the write of `resource`. Returns the resource of the earlier write when the
    /// key was taken by the same request. A concurrent write under the same key is waited for. An erased
    /// account has no keys and gets none.
    pub async fn claim(
        &self,
        connection: &mut PgConnection,
        resource: Uuid,
    ) -> Result<Option<Uuid>, WriteError> {
        let statement =
            "INSERT INTO trade.idempotency_keys (user_id, key, request_hash, resource_id)
             SELECT $1, $2, $3, $4
             WHERE NOT EXISTS (SELECT FROM trade.erasures WHERE user_id = $1)
             ON CONFLICT DO NOTHING";
        let inserted = query(statement)
            .bind(self.user)
            .bind(&self.key)
            .bind(&self.hash)
            .bind(resource)
            .execute(&mut *connection)
            .await?;
        if inserted.rows_affected() == 1 {
            return Ok(None);
        }
        let statement = "SELECT request_hash, resource_id FROM trade.idempotency_keys
             WHERE user_id = $1 AND key = $2";
        let taken: Option<(Vec<u8>, Uuid)> = query_as(statement)
            .bind(self.user)
            .bind(&self.key)
            .fetch_optional(connection)
            .await?;
        match taken {
            Some((hash, earlier)) if hash == self.hash => Ok(Some(earlier)),
            Some(_) => Err(WriteError::KeyReused),
            None => Err(WriteError::Erased),
        }
    }
}
