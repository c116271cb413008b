//! Makes the tokens that all services check.

use std::time::{SystemTime, UNIX_EPOCH};

use exchange_platform::{Problem, Subject, rfc3339};

use crate::store::signing_keys::{SigningKeys, StoredKeyError};

/// Signs tokens.
pub struct Tokens {
    keys: SigningKeys,
    ttl_seconds: u64,
}

/// A signed token.
pub struct Token {
    pub text: String,
    /// RFC 3339.
    pub expires_at: String,
}

impl Tokens {
    pub fn new(keys: SigningKeys, ttl_seconds: u64) -> Self {
        Self { keys, ttl_seconds }
    }

    /// A token for someone, valid from now on.
    pub async fn sign(&self, subject: Subject) -> Result<Token, StoredKeyError> {
        self.sign_for(subject, self.ttl_seconds).await
    }

    /// A token that is valid for so many seconds.
    pub async fn sign_for(&self, subject: Subject, ttl: u64) -> Result<Token, StoredKeyError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let key = self.keys.signing(now.as_secs_f64()).await?;
        let expires = i64::try_from(now.as_secs().saturating_add(ttl)).unwrap_or(i64::MAX);
        Ok(Token {
            text: key.sign_for(subject, now.as_secs(), ttl)?,
            expires_at: rfc3339(expires.saturating_mul(1_000_000)),
        })
    }
}

impl From<StoredKeyError> for Problem {
    fn from(error: StoredKeyError) -> Self {
        match error {
            StoredKeyError::Database(error) => error.into(),
            error => {
                tracing::error!(%error, "signing key");
                Self::internal()
            }
        }
    }
}
