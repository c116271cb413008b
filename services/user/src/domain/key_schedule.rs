//! When signing keys are made, used and removed.

/// A stored key, without its secret.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyAge {
    pub kid: String,
    /// Seconds since 1970.
    pub created: f64,
}

/// When keys change. All in seconds.
#[derive(Clone, Copy)]
pub struct KeySchedule {
    /// A key is published this long before it signs, so that every service knows it by then.
    pub lead: f64,
    /// A key is this old when the next is made.
    pub lifetime: f64,
    /// A key stays published this long after the next has taken over: longer than any token it signed.
    pub keep: f64,
}

impl KeySchedule {
    /// The one in use. Services fetch keys every minute, and a token is valid for a day at most.
    pub const USUAL: Self = Self {
        lead: 120.0,
        lifetime: 30.0 * 86_400.0,
        keep: 86_400.0 + 3_600.0,
    };

    /// The key that signs now: the newest that has been published long enough, else the oldest.
    pub fn signing<'k>(&self, keys: &'k [KeyAge], now: f64) -> Option<&'k KeyAge> {
        let known = keys.iter().filter(|key| key.created + self.lead <= now);
        let newest = known.max_by(|a, b| a.created.total_cmp(&b.created));
        newest.or_else(|| keys.iter().min_by(|a, b| a.created.total_cmp(&b.created)))
    }

    /// Whether a new key is due.
    pub fn is_due(&self, keys: &[KeyAge], now: f64) -> bool {
        keys.iter().all(|key| key.created + self.lifetime <= now)
    }

    /// Keys that no valid token was signed with.
    pub fn obsolete<'k>(&self, keys: &'k [KeyAge], now: f64) -> Vec<&'k str> {
        let replaced = |key: &&KeyAge| {
            keys.iter().any(|next| {
                next.created > key.created && next.created + self.lead + self.keep <= now
            })
        };
        let obsolete = keys.iter().filter(replaced);
        obsolete.map(|key| key.kid.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: KeySchedule = KeySchedule {
        lead: 120.0,
        lifetime: 1000.0,
        keep: 500.0,
    };

    fn keys(created: &[f64]) -> Vec<KeyAge> {
        let key = |(number, created): (usize, &f64)| KeyAge {
            kid: number.to_string(),
            created: *created,
        };
        created.iter().enumerate().map(key).collect()
    }

    #[test]
    fn a_new_key_is_published_before_it_signs() {
        let keys = keys(&[0.0, 1000.0]);
        assert_eq!(SCHEDULE.signing(&keys, 1119.0).unwrap().kid, "0");
        assert_eq!(SCHEDULE.signing(&keys, 1120.0).unwrap().kid, "1");
    }

    #[test]
    fn the_first_key_signs_at_once() {
        assert_eq!(SCHEDULE.signing(&keys(&[0.0]), 0.0).unwrap().kid, "0");
        assert_eq!(SCHEDULE.signing(&[], 0.0), None);
    }

    #[test]
    fn a_key_is_due_when_the_newest_is_old_or_there_is_none() {
        assert!(SCHEDULE.is_due(&[], 0.0));
        assert!(!SCHEDULE.is_due(&keys(&[0.0, 10.0]), 1009.0));
        assert!(SCHEDULE.is_due(&keys(&[0.0, 10.0]), 1010.0));
    }

    #[test]
    fn a_key_goes_once_its_last_token_has_expired() {
        let keys = keys(&[0.0, 1000.0]);
        assert!(SCHEDULE.obsolete(&keys, 1619.0).is_empty());
        assert_eq!(SCHEDULE.obsolete(&keys, 1620.0), ["0"]);
        assert!(SCHEDULE.obsolete(&keys[1..], 1e9).is_empty());
    }
}
