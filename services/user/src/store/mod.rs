//! SQL, and nothing but.

pub mod accounts;
mod attempts;
mod retention;
mod secrets;
pub mod sessions;
pub mod signing_keys;

use sqlx::PgPool;

use crate::domain::lookup::Lookup;

/// The tables of this service.
pub struct Store {
    pool: PgPool,
    lookup: Lookup,
}

impl Store {
    /// With the keys that all replicas of both colours share.
    pub async fn open(pool: PgPool) -> Result<Self, sqlx::Error> {
        let lookup = Lookup::new(&secrets::secret(&pool, "email-lookup").await?);
        Ok(Self { pool, lookup })
    }
}
