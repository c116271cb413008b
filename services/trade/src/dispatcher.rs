//! Delivers events to notification, after the transaction that caused them.
//!
//! An event may arrive twice, if this process dies between the delivery and its record; notification
//! keeps each once, by its id.

use std::sync::Arc;
use std::time::Duration;

use exchange_platform::{CallError, Peer, Platform};
use thiserror::Error;
use tokio::sync::Notify;

use crate::store::outbox;

/// How often to look without being told: for leftovers of other processes.
const POLL: Duration = Duration::from_millis(500);
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Delivers events until told to stop; then delivers what is there once more.
pub struct Dispatcher {
    pub platform: Platform,
    pub notification: Peer,
    pub new_events: Arc<Notify>,
}

#[derive(Debug, Error)]
enum DispatchError {
    #[error("the database did not answer")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Delivery(#[from] CallError),
}

impl Dispatcher {
    pub async fn run(self) {
        while !self.platform.stopping().is_cancelled() {
            let wait = match self.deliver().await {
                Ok(0) => POLL,
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(%error, "events wait for delivery");
                    PAUSE
                }
            };
            tokio::select! {
                () = self.new_events.notified() => {}
                () = tokio::time::sleep(wait) => {}
                () = self.platform.stopping().cancelled() => {}
            }
        }
        if let Err(error) = self.deliver().await {
            tracing::warn!(%error, "events are left to other processes");
        }
    }

    /// Delivers a batch; returns how many events it held.
    async fn deliver(&self) -> Result<usize, DispatchError> {
        let mut transaction = self.platform.pool().begin().await?;
        let colour = self.platform.identity().colour.as_str();
        let leftovers = self.platform.takes_leftovers(&mut transaction).await?;
        let events = outbox::claim(&mut transaction, colour, leftovers).await?;
        if !events.is_empty() {
            self.notification.post("/internal/events", &events).await?;
            outbox::delivered(&mut transaction, &events).await?;
        }
        transaction.commit().await?;
        Ok(events.len())
    }
}
