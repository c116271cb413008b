//! How long what is kept for a while is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LOGIN_ATTEMPTS: Duration = DAY;
const SYNTHETIC_ACCOUNTS: Duration = DAY;
const AUDIT_LOG: Duration = DAY.saturating_mul(365);
const ERASURES: Duration = DAY.saturating_mul(3 * 365);

/// Whatever is older goes; in seconds since 1970.
#[derive(Debug, PartialEq)]
pub struct Cutoffs {
    /// Sessions that ended.
    pub sessions: f64,
    /// Attempts to log in.
    pub login_attempts: f64,
    /// Accounts of journeys.
    pub synthetic_accounts: f64,
    /// Entries of the audit log.
    pub audit_log: f64,
    /// Erasures, and what erased people agreed to: proof that it was done, and that it was allowed.
    pub erasures: f64,
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
            audit_log: before(AUDIT_LOG),
            erasures: before(ERASURES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutoffs_lie_as_far_back_as_things_are_kept() {
        let day = 86_400.0;
        let cutoffs = Cutoffs::at(UNIX_EPOCH + DAY * 10_000);
        let expected = Cutoffs {
            sessions: 10_000.0 * day,
            login_attempts: 9_999.0 * day,
            synthetic_accounts: 9_999.0 * day,
            audit_log: 9_635.0 * day,
            erasures: 8_905.0 * day,
        };
        assert_eq!(cutoffs, expected);
    }
}
