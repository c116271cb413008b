//! How long what is kept for a while is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const NOTIFICATIONS: Duration = DAY.saturating_mul(365);
const SYNTHETIC: Duration = DAY;

/// Whatever is older goes; in seconds since 1970.
#[derive(Debug, PartialEq)]
pub struct Cutoffs {
    /// Notifications.
    pub notifications: f64,
    /// Notifications and preferences of accounts of journeys.
    pub synthetic: f64,
}

impl Cutoffs {
    /// The cutoffs as they are at an instant.
    pub fn at(now: SystemTime) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = |age: Duration| now.saturating_sub(age).as_secs_f64();
        Self {
            notifications: before(NOTIFICATIONS),
            synthetic: before(SYNTHETIC),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutoffs_lie_as_far_back_as_things_are_kept() {
        let day = 86_400.0;
        let cutoffs = Cutoffs::at(UNIX_EPOCH + DAY * 1000);
        let expected = Cutoffs {
            notifications: 635.0 * day,
            synthetic: 999.0 * day,
        };
        assert_eq!(cutoffs, expected);
    }
}
