//! From counts to the report.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::recorder::{KindTally, Tally};
use crate::report::{Figures, Kind, LedgerFigures, Report};

/// The client kept its rate when at most one in this many requests started late.
const LATE_ALLOWED_IN: u64 = 100;

/// The account of the requests; `end` is when the last one was due.
pub fn report(rate: f64, tally: &Tally, end: Instant, ended_at: Timestamp) -> Report {
    let kinds: BTreeMap<Kind, Figures> = tally
        .kinds
        .iter()
        .map(|(kind, tally)| (*kind, figures(tally, end)))
        .collect();
    let mut total = kinds.values().fold(Figures::default(), sum);
    total.longest_gap_millis = millis(tally.all.gap_until(end));
    set_latency(&mut total, &tally.all.latency);
    let due = total.sent + tally.skipped;
    Report {
        started_at: tally.started_at,
        ended_at,
        rate,
        kept_rate: tally.skipped == 0 && tally.late * LATE_ALLOWED_IN <= due,
        late: tally.late,
        skipped: tally.skipped,
        max_late_millis: millis(tally.max_late),
        total,
        kinds,
        answered_by: tally
            .versions
            .iter()
            .map(|(version, span)| (version.clone(), span.answers))
            .collect(),
        unattributed: tally.unattributed,
        versions: tally.versions.clone(),
        timeline: tally.seconds.values().cloned().collect(),
        ledger: None,
        streams: None,
        failures: tally.failures.clone(),
    }
}

/// Enters what the ledger found: into the traders' figures and into the total.
///
/// Without a database, `conflicting_keys` (two ids answered for one key) is all that is known.
pub fn enter(report: &mut Report, ledger: Option<LedgerFigures>, conflicting_keys: u64) {
    let missing = ledger.as_ref().map_or(0, |ledger| ledger.missing_orders);
    let duplicated = ledger.as_ref().map_or(conflicting_keys, |ledger| {
        ledger.duplicated_keys + ledger.stray_orders
    });
    for figures in report
        .kinds
        .get_mut(&Kind::Traders)
        .into_iter()
        .chain([&mut report.total])
    {
        figures.lost += missing;
        figures.duplicated += duplicated;
    }
    report.ledger = ledger;
}

fn figures(tally: &KindTally, end: Instant) -> Figures {
    let mut figures = tally.figures.clone();
    // By difference, so that a request without any outcome is a failure too.
    figures.failed = figures.sent - figures.ok;
    figures.longest_gap_millis = millis(tally.course.gap_until(end));
    set_latency(&mut figures, &tally.course.latency);
    figures
}

fn sum(total: Figures, one: &Figures) -> Figures {
    Figures {
        sent: total.sent + one.sent,
        ok: total.ok + one.ok,
        failed: total.failed + one.failed,
        client_errors: total.client_errors + one.client_errors,
        server_errors: total.server_errors + one.server_errors,
        refused: total.refused + one.refused,
        resets: total.resets + one.resets,
        timeouts: total.timeouts + one.timeouts,
        other: total.other + one.other,
        lost: total.lost + one.lost,
        duplicated: total.duplicated + one.duplicated,
        mixed: total.mixed + one.mixed,
        ..total
    }
}

fn set_latency(figures: &mut Figures, latency: &Histogram<u32>) {
    let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
    figures.p50_millis = at(0.5);
    figures.p99_millis = at(0.99);
    figures.p999_millis = at(0.999);
    figures.max_millis = latency.max() as f64 / 1000.0;
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
