//! Removes, once an hour, what is kept for a while only.

use std::time::{Duration, SystemTime};

use actix_web::web::Data;
use exchange_platform::Platform;

use crate::domain::retention::Cutoffs;
use crate::store::Store;

const EVERY: Duration = Duration::from_secs(60 * 60);

/// Runs at once, then every hour, until told to stop.
pub async fn run(store: Data<Store>, platform: Platform) {
    while !platform.stopping().is_cancelled() {
        if let Err(error) = store.retain(&Cutoffs::at(SystemTime::now())).await {
            tracing::warn!(%error, "what is old stays for another hour");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = platform.stopping().cancelled() => {}
        }
    }
}
