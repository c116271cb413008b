//! SQL, and nothing but.

pub mod balances;
mod book;
mod cancelling;
mod erasure;
pub mod export;
pub mod fills;
pub mod funds;
pub mod idempotency;
pub mod ledger;
pub mod orders;
pub mod outbox;
mod placing;
mod retention;

use std::sync::Arc;

use sqlx::PgPool;
use thiserror::Error;
use tokio::sync::Notify;

use crate::domain::money::{Asset, MoneyError};

/// How often a transaction is tried that others are in the way of.
const TRIES: u32 = 3;

/// The tables of this service.
pub struct Store {
    pool: PgPool,
    colour: &'static str,
    new_events: Arc<Notify>,
}

/// Why a write was not done.
#[derive(Debug, Error)]
pub enum WriteError {
    #[error("the key was used for another request")]
    KeyReused,
    #[error("there is not enough {} available", .0.as_str())]
    NoFunds(Asset),
    #[error("the user has no such order")]
    NoOrder,
    #[error("nothing of the order rests in the book any more")]
    Closed,
    #[error("the account was erased")]
    Erased,
    /// An amount leaves its bounds.
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error("the database refused or did not answer")]
    Database(#[from] sqlx::Error),
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

/// Tries a transaction again that another one was in the way of.
async fn repeat<T>(
    mut attempt: impl AsyncFnMut() -> Result<T, WriteError>,
) -> Result<T, WriteError> {
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(error) if error.is_conflict() && tries < TRIES => tries += 1,
            done => return done,
        }
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
