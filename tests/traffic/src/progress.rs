//! One line a second while traffic flows.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::recorder::{Recorder, Tally};

/// Writes a line a second to stderr until it is aborted.
pub async fn show(recorder: Arc<Recorder>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let line = line(&recorder.tally());
        eprintln!("{line}");
    }
}

/// The counts so far and who answered in the last whole second.
fn line(tally: &Tally) -> String {
    let sum = |count: fn(&crate::report::Figures) -> u64| -> u64 {
        tally.kinds.values().map(|kind| count(&kind.figures)).sum()
    };
    let elapsed = tally.start.elapsed().as_secs();
    let answers = elapsed
        .checked_sub(1)
        .and_then(|second| tally.seconds.get(&second))
        .map(|second| &second.answers);
    let by: Vec<_> = answers
        .into_iter()
        .flatten()
        .map(|(origin, count)| format!("{origin} {count}/s"))
        .collect();
    let failed: u64 = tally.seconds.values().map(|second| second.failed).sum();
    format!(
        "{elapsed:>4}s  sent {:<6} ok {:<6} failed {failed:<4} lost {:<4} mixed {:<4} {}",
        sum(|figures| figures.sent),
        sum(|figures| figures.ok),
        sum(|figures| figures.lost),
        sum(|figures| figures.mixed),
        by.join("  ")
    )
}
