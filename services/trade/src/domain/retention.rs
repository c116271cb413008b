//! How long what is kept for a while is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const EVENTS: Duration = DAY.saturating_mul(7);
const IDEMPOTENCY_KEYS: Duration = DAY.saturating_mul(30);
const SYNTHETIC_ACCOUNTS: Duration = DAY;

/// Whatever is older goes; in seconds since 1970.
#[derive(Debug, PartialEq)]
pub struct Cutoffs {
    /// Events that were delivered.
    pub events: f64,
    /// Keys of writes; later than that, a write that is sent again is a new one.
    pub idempotency_keys: f64,
    /// Accounts of journeys with all that they did.
    pub synthetic_accounts: f64,
}

impl Cutoffs {
    /// The cutoffs as they are at an instant.
    pub fn at(now: SystemTime) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = |age: Duration| now.saturating_sub(age).as_secs_f64();
        Self {
            events: before(EVENTS),
            idempotency_keys: before(IDEMPOTENCY_KEYS),
            synthetic_accounts: before(SYNTHETIC_ACCOUNTS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutoffs_lie_as_far_back_as_things_are_kept() {
        let day = 86_400.0;
        let cutoffs = Cutoffs::at(UNIX_EPOCH + DAY * 100);
        let expected = Cutoffs {
            events: 93.0 * day,
            idempotency_keys: 70.0 * day,
            synthetic_accounts: 99.0 * day,
        };
        assert_eq!(cutoffs, expected);
    }
}
