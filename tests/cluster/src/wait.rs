//! Waiting for conditions.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Looks until `condition` holds. It fails with the condition's own error, or
/// after `limit`; `what` completes "waited in vain for".
pub fn until(what: &str, limit: Duration, condition: impl FnMut() -> Result<bool>) -> Result<()> {
    look(what, limit, Duration::from_millis(20), condition)
}

/// The same for conditions that cost something to look at, such as a kubectl:
/// on two cores, looking all the time would delay what is waited for.
pub fn until_slowly(
    what: &str,
    limit: Duration,
    condition: impl FnMut() -> Result<bool>,
) -> Result<()> {
    look(what, limit, Duration::from_millis(300), condition)
}

fn look(
    what: &str,
    limit: Duration,
    pause: Duration,
    mut condition: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > limit {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        std::thread::sleep(pause);
    }
    Ok(())
}
