//! SQL, and nothing but.

pub mod accounts;
pub mod announcements;
pub mod inbox;
mod retention;
pub mod wake;

use sqlx::{PgConnection, PgPool, query};

/// Taken while notifications are added, so that they become visible in the order of their sequence.
const LOCK: i64 = 0x006e_6f74_6966_6963;

/// The tables of this service.
pub struct Store(PgPool);

impl Store {
    pub fn new(pool: PgPool) -> Self {
        Self(pool)
    }
}

/// Until the transaction ends, this one alone adds notifications.
async fn lock(transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
    query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(transaction)
        .await?;
    Ok(())
}
