//! Waiting for conditions.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const PAUSE: Duration = Duration::from_millis(50);

/// Looks until `condition` holds. It fails with the condition's own error, or
/// after `limit`; `what` completes "waited in vain for".
pub fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > limit {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
