//! What is done beside the requests: new signing keys in time, erasures brought to their end, and nothing
//! kept for longer than it should.

use std::fmt::Display;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::web::Data;
use exchange_platform::Platform;

use crate::erasures::Erasures;
use crate::retention::Retention;
use crate::store::Store;
use crate::store::signing_keys::{SigningKeys, StoredKeyError};

const EVERY: Duration = Duration::from_secs(60 * 60);
/// An erasure that trade or notification did not take is passed on again this soon.
const ERASURES: Duration = Duration::from_secs(60);

/// What is done beside the requests. Several processes may do it at once.
pub struct Housekeeping {
    pub store: Data<Store>,
    pub signing_keys: Data<SigningKeys>,
    pub erasures: Data<Erasures>,
    pub retention: Retention,
}

impl Housekeeping {
    /// Runs at once, then every hour, until told to stop.
    pub async fn run(self, platform: Platform) {
        let mut due = tokio::time::interval(EVERY);
        let mut erasures = tokio::time::interval(ERASURES);
        loop {
            tokio::select! {
                _ = due.tick() => self.tidy().await,
                _ = erasures.tick() => later(self.erasures.complete_all(false).await),
                () = platform.stopping().cancelled() => return,
            }
        }
    }

    async fn tidy(&self) {
        later(self.renew_keys().await);
        later(self.store.seal_emails().await);
        later(self.erasures.complete_all(true).await);
        later(self.retention.pass().await);
    }

    /// Makes a signing key when one is due, and removes those that are no longer needed.
    pub async fn renew_keys(&self) -> Result<(), StoredKeyError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.signing_keys
            .renew(now.unwrap_or_default().as_secs_f64())
            .await
    }
}

fn later(done: Result<(), impl Display>) {
    if let Err(error) = done {
        tracing::warn!(%error, "housekeeping is tried again later");
    }
}
