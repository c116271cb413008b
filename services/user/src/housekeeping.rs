//! What is done beside the requests: new signing keys in time, and nothing kept for longer than it should.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::web::Data;
use exchange_platform::Platform;

use crate::domain::retention::Cutoffs;
use crate::store::Store;
use crate::store::signing_keys::{SigningKeys, StoredKeyError};

const EVERY: Duration = Duration::from_secs(60 * 60);

/// What is done beside the requests. Several processes may do it at once.
pub struct Housekeeping {
    pub store: Data<Store>,
    pub signing_keys: Data<SigningKeys>,
    /// What time it is.
    pub clock: fn() -> SystemTime,
}

impl Housekeeping {
    /// Runs at once, then every hour, until told to stop.
    pub async fn run(self, platform: Platform) {
        while !platform.stopping().is_cancelled() {
            if let Err(error) = self.renew_keys().await {
                tracing::warn!(%error, "signing keys stay as they are for another hour");
            }
            if let Err(error) = self.remove_old().await {
                tracing::warn!(%error, "what is old stays for another hour");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = platform.stopping().cancelled() => {}
            }
        }
    }

    /// Makes a signing key when one is due, and removes those that are no longer needed.
    pub async fn renew_keys(&self) -> Result<(), StoredKeyError> {
        let now = (self.clock)().duration_since(UNIX_EPOCH);
        self.signing_keys
            .renew(now.unwrap_or_default().as_secs_f64())
            .await
    }

    /// Removes what was kept for long enough.
    pub async fn remove_old(&self) -> Result<(), sqlx::Error> {
        self.store.retain(&Cutoffs::at((self.clock)())).await
    }
}
