//! The open loop: requests start when they are due, whatever became of the ones before.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use crate::recorder::Recorder;
use crate::report::Kind;
use crate::run::Stop;

/// Arrivals at a constant rate.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub start: Instant,
    pub per_second: f64,
    pub duration: Duration,
}

impl Pace {
    /// When arrival `n` is due; `None` when the run is over by then.
    fn due(&self, n: u64) -> Option<Instant> {
        // Computed from the start, so that rounding never adds up to a lower rate.
        let after = Duration::try_from_secs_f64(n as f64 / self.per_second).ok()?;
        (after < self.duration).then(|| self.start + after)
    }
}

/// The most requests that may be in flight. Beyond it the client does not keep its rate.
#[derive(Debug, Clone)]
pub struct InFlight {
    permits: Arc<Semaphore>,
    limit: u32,
}

impl InFlight {
    pub fn new(limit: u32) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limit as usize)),
            limit,
        }
    }

    /// Waits until nothing is in flight. Requests have timeouts, so this ends.
    pub async fn drained(&self) {
        let all = self.permits.acquire_many(self.limit).await;
        drop(all);
    }
}

/// Starts `request(n, due)` at each arrival until the pace's end or `stop`.
pub async fn drive<F, R>(
    kind: Kind,
    pace: Pace,
    in_flight: InFlight,
    mut stop: Stop,
    recorder: Arc<Recorder>,
    mut request: F,
) where
    F: FnMut(u64, Instant) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let mut n = 0;
    while let Some(due) = pace.due(n) {
        tokio::select! {
            biased;
            () = stop.requested() => return,
            () = sleep_until(due) => {}
        }
        match Arc::clone(&in_flight.permits).try_acquire_owned() {
            Ok(permit) => {
                let (request, recorder) = (request(n, due), Arc::clone(&recorder));
                tokio::spawn(async move {
                    // Counted in the task itself: a starved runtime shows here, not in the loop.
                    recorder.started(kind, due.elapsed());
                    request.await;
                    drop(permit);
                });
            }
            Err(_) => recorder.skipped(),
        }
        n += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_evenly_spaced_and_end_with_the_run() {
        let start = Instant::now();
        let pace = Pace {
            start,
            per_second: 3.0,
            duration: Duration::from_secs(2),
        };
        assert_eq!(pace.due(0), Some(start));
        assert_eq!(pace.due(3), Some(start + Duration::from_secs(1)));
        assert!(pace.due(5).is_some());
        assert_eq!(pace.due(6), None);
    }
}
