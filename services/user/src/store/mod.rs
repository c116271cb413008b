//! SQL, and nothing but.

pub mod accounts;
mod attempts;
pub mod audit;
pub mod consents;
mod erasure;
pub mod export;
mod person_keys;
pub mod rectification;
mod restriction;
mod retention;
mod secrets;
pub mod sessions;
pub mod signing_keys;

use sqlx::PgPool;
use uuid::Uuid;

use crate::domain::credentials::Email;
use crate::domain::lookup::Lookup;
use crate::domain::sealing::SealingError;

/// The tables of this service.
pub struct Store {
    pool: PgPool,
    lookup: Lookup,
    /// Whether emails are also kept readable, for a version that knows no sealed ones.
    plain_emails: bool,
}

impl Store {
    /// With the keys that all replicas of both colours share.
    pub async fn open(pool: PgPool, plain_emails: bool) -> Result<Self, sqlx::Error> {
        let lookup = Lookup::new(&secrets::secret(&pool, "email-lookup").await?);
        Ok(Self {
            pool,
            lookup,
            plain_emails,
        })
    }

    /// What stands where the version before looks for an email.
    fn readable(&self, id: Uuid, email: &Email) -> String {
        match self.plain_emails {
            true => email.as_str().to_owned(),
            false => id.to_string(),
        }
    }
}

impl From<SealingError> for sqlx::Error {
    fn from(error: SealingError) -> Self {
        Self::Decode(error.into())
    }
}
