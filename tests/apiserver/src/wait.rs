//! Waiting for what cannot be watched: lists, metrics, logs.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks until there is no objection any more. After `limit` it fails, with the last objection.
///
/// # Errors
/// That one, or what went wrong while looking.
pub async fn until(
    limit: Duration,
    mut objection: impl AsyncFnMut() -> Result<Option<String>>,
) -> Result<()> {
    let start = Instant::now();
    while let Some(objection) = objection().await? {
        ensure!(
            start.elapsed() < limit,
            "after {limit:?} still: {objection}"
        );
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
