//! SQL, and nothing but.

pub mod balances;
pub mod idempotency;
pub mod orders;
pub mod outbox;
pub mod placing;

use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::Notify;

use crate::domain::money::{Asset, MoneyError};

/// The tables of this service.
pub struct Store {
    pool: PgPool,
    colour: &'static str,
    new_events: Arc<Notify>,
}

/// Why a write was not done.
#[derive(Debug)]
pub enum WriteError {
    /// The key was used for another request.
    KeyReused,
    /// There is not enough of an asset.
    NoFunds(Asset),
    /// An amount leaves its bounds.
    Money(MoneyError),
    /// The database refused or did not answer.
    Database(sqlx::Error),
}

/// A write that was done now, or the one that was done earlier under the same key.
#[derive(Debug)]
pub enum Written<T> {
    Now(T),
    Earlier(T),
}

impl Store {
    pub fn new(pool: PgPool, colour: &'static str, new_events: Arc<Notify>) -> Self {
        Self {
            pool,
            colour,
            new_events,
        }
    }
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<MoneyError> for WriteError {
    fn from(error: MoneyError) -> Self {
        Self::Money(error)
    }
}

impl WriteError {
    /// Whether another transaction was in the way, so that the same one may succeed if it is repeated.
    fn is_conflict(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        matches!(error.code().as_deref(), Some("40001" | "40P01"))
    }
}
