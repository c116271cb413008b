//! The drain lease: while it holds, answers ask clients to reconnect. It lapses by itself, so an
//! operator that dies leaves no pod draining.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::problem::Problem;

/// Longest lease that can be asked for.
const LONGEST: Duration = Duration::from_secs(300);

/// The drain lease of this process.
#[derive(Debug, Default)]
pub(crate) struct DrainLease(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    epoch: u64,
    until: Option<Instant>,
}

impl DrainLease {
    /// Takes or renews the lease. A lower epoch than one seen before comes from an operator that
    /// was replaced, and is refused.
    pub(crate) fn take(&self, epoch: u64, ttl: Duration, now: Instant) -> Result<(), Problem> {
        if ttl.is_zero() || ttl > LONGEST {
            return Err(Problem::unprocessable(
                "ttl",
                "Use a ttl above 0s and up to 5m.",
            ));
        }
        self.set(Some(epoch), Some(now + ttl))
    }

    /// Ends the lease now. With the epoch of the switch that sends clients back, a renewal for an older one that
    /// is still under way takes it no more.
    pub(crate) fn release(&self, epoch: Option<u64>) -> Result<(), Problem> {
        self.set(epoch, None)
    }

    fn set(&self, epoch: Option<u64>, until: Option<Instant>) -> Result<(), Problem> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = epoch.unwrap_or(state.epoch);
        if epoch < state.epoch {
            let detail = format!("Epoch {epoch} is behind epoch {}.", state.epoch);
            return Err(Problem::conflict("epoch", detail));
        }
        *state = State { epoch, until };
        Ok(())
    }

    /// Whether the lease holds.
    pub(crate) fn holds(&self, now: Instant) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.until.is_some_and(|until| now < until)
    }
}

/// Reads a duration as Go writes it: `15s`, `1m30s`, `500ms`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit = tail.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, tail) = tail.split_at_checked(unit)?;
        let number: u32 = number.parse().ok()?;
        let one = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return None,
        };
        total = total.checked_add(one.checked_mul(number)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lease_holds_until_it_lapses() {
        let (lease, now) = (DrainLease::default(), Instant::now());
        assert!(!lease.holds(now));
        lease.take(3, Duration::from_secs(15), now).unwrap();
        assert!(lease.holds(now + Duration::from_millis(14_999)));
        assert!(!lease.holds(now + Duration::from_secs(15)));
    }

    #[test]
    fn lease_is_released_and_renewed() {
        let (lease, now) = (DrainLease::default(), Instant::now());
        lease.take(3, Duration::from_secs(15), now).unwrap();
        lease.release(None).unwrap();
        assert!(!lease.holds(now));
        lease.take(3, Duration::from_secs(15), now).unwrap();
        assert!(lease.holds(now));
    }

    #[test]
    fn a_renewal_that_was_under_way_takes_no_lease_that_a_way_back_ended() {
        let (lease, now) = (DrainLease::default(), Instant::now());
        lease.take(3, Duration::from_secs(15), now).unwrap();
        lease.release(Some(4)).unwrap();
        assert!(lease.take(3, Duration::from_secs(15), now).is_err());
        assert!(!lease.holds(now));
        lease.take(5, Duration::from_secs(15), now).unwrap();
        assert!(lease.release(Some(4)).is_err());
        assert!(lease.holds(now));
    }

    #[test]
    fn an_older_epoch_is_refused() {
        let (lease, now) = (DrainLease::default(), Instant::now());
        lease.take(3, Duration::from_secs(15), now).unwrap();
        lease.release(None).unwrap();
        assert!(lease.take(2, Duration::from_secs(15), now).is_err());
        assert!(!lease.holds(now));
    }

    #[test]
    fn an_absurd_ttl_is_refused() {
        let lease = DrainLease::default();
        assert!(lease.take(1, Duration::ZERO, Instant::now()).is_err());
        assert!(lease.take(1, LONGEST * 2, Instant::now()).is_err());
    }

    #[test]
    fn durations_read_as_in_go() {
        assert_eq!(parse_duration("15s"), Some(Duration::from_secs(15)));
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        for bad in ["", "15", "s", "-1s", "1.5s", "1d", "99999999999s", "1s2"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
