//! How long what is kept for a while is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LOGIN_ATTEMPTS: Duration = DAY;
const SYNTHETIC_ACCOUNTS: Duration = DAY;

/// Whatever is older goes; in seconds since 1970.
#[derive(Debug, PartialEq)]
pub struct Cutoffs {
    /// Sessions that ended.
    pub sessions: f64,
    /// Attempts to log in.
    pub login_attempts: f64,
    /// Accounts of journeys.
    pub synthetic_accounts: f64,
}

impl Cutoffs {
    /// The cutoffs as they are at an instant.
    pub fn at(now: SystemTime) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = |age: Duration| now.saturating_sub(age).as_secs_f64();
        Self {
            sessions: before(Duration::ZERO),
            login_attempts: before(LOGIN_ATTEMPTS),
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
            sessions: 100.0 * day,
            login_attempts: 99.0 * day,
            synthetic_accounts: 99.0 * day,
        };
        assert_eq!(cutoffs, expected);
    }
}
