//! Removes, once an hour, what is kept for a while only.

use std::time::{Duration, SystemTime};

use actix_web::web::Data;
use tokio_util::sync::CancellationToken;

use crate::domain::retention::Cutoffs;
use crate::store::Store;

const EVERY: Duration = Duration::from_secs(60 * 60);

/// Runs at once, then every hour, until told to stop.
pub async fn run(store: Data<Store>, stopping: CancellationToken) {
    while !stopping.is_cancelled() {
        if let Err(error) = store.retain(&Cutoffs::at(SystemTime::now())).await {
            tracing::warn!(%error, "what is old stays for another hour");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stopping.cancelled() => {}
        }
    }
}
