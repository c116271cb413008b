//! Writes a stream: what is in the inbox after a position, then what comes, until clients should move on.
//!
//! The position is a notification's place in the sequence, and notifications become visible in that
//! order, so a client that comes back with the last id it saw misses none and gets none twice.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use uuid::Uuid;

use crate::domain::sse;
use crate::store::Store;
use crate::store::inbox::Notification;
use crate::streams::Place;

/// A stream that has nothing to say says so this often. Each time it looks, too, in case a wake was lost.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after this long and its client comes back: a token is checked once a stream.
const LONGEST: Duration = Duration::from_secs(600);
/// What is there at the beginning is written within this time, or later.
const FIRST: Duration = Duration::from_secs(2);
/// How long to wait after the database was lost.
const PAUSE: Duration = Duration::from_millis(500);
/// Notifications that are read at once.
const PAGE: i64 = 50;

/// One stream of a user.
pub struct Feed {
    pub store: Arc<Store>,
    pub user: Uuid,
    pub position: i64,
    pub place: Place,
    pub to: mpsc::Sender<String>,
    /// Turns a notification into the text of an event.
    pub write: fn(Notification) -> String,
}

/// The client is gone.
struct Gone;

impl Feed {
    /// Writes until the client is gone or `leaving` says that it should move on. What is there is written
    /// even by a process that is leaving.
    pub async fn run(mut self, leaving: impl Future<Output = ()>) {
        let (to, user) = (self.to.clone(), self.user);
        let leaving = async {
            tokio::select! {
                () = leaving => {}
                () = tokio::time::sleep(LONGEST) => {}
            }
        };
        if to.send(sse::hello()).await.is_err() {
            return;
        }
        if let Ok(Err(Gone)) = tokio::time::timeout(FIRST, self.catch_up()).await {
            return;
        }
        let mut follow = pin!(self.follow());
        tokio::select! {
            _ = &mut follow => {}
            () = leaving => {
                // A client that does not read needs no hint.
                let _ = to.try_send(sse::goodbye(user));
            }
            () = to.closed() => {}
        }
    }

    async fn follow(&mut self) -> Result<(), Gone> {
        loop {
            tokio::select! {
                () = self.place.woken() => {}
                () = tokio::time::sleep(HEARTBEAT) => {
                    self.to.send(sse::heartbeat()).await.map_err(|_| Gone)?;
                }
            }
            self.catch_up().await?;
        }
    }

    /// Writes everything that is there.
    async fn catch_up(&mut self) -> Result<(), Gone> {
        loop {
            self.place.look();
            let page = match self.store.after(self.user, self.position, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "a stream waits for the database");
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => continue,
                        () = self.to.closed() => return Err(Gone),
                    }
                }
            };
            if page.is_empty() {
                return Ok(());
            }
            for notification in page {
                let position = notification.sequence;
                let event = (self.write)(notification);
                self.to.send(event).await.map_err(|_| Gone)?;
                self.position = position;
            }
        }
    }
}
