//! A view as text. Pure: the same view and the same time give the same text.

mod header;
mod table;
mod tree;

use changeover_crds::{Colour, HistoryEntry, names};
use jiff::fmt::friendly::{Spacing, SpanPrinter};
use jiff::{RoundMode, SignedDuration, SignedDurationRound, Timestamp, Unit};

use crate::view::View;
use table::columns;

/// One screen: what is known of the release, then the tree of what runs.
#[must_use]
pub fn screen(view: &View, now: Timestamp) -> String {
    let mut text = header::lines(view, now);
    text.push('\n');
    text.push_str(&tree::lines(view, now));
    text
}

/// The releases of the past, newest first.
#[must_use]
pub fn history(entries: &[HistoryEntry], now: Timestamp) -> String {
    if entries.is_empty() {
        return "no release has ended yet\n".to_owned();
    }
    let head = [
        "VERSION",
        "REVISION",
        "OUTCOME",
        "AGO",
        "SWITCH",
        "WIDEST GAP",
        "APPROVED BY",
        "REASON",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for entry in entries {
        rows.push(vec![
            entry.version.clone(),
            names::short_revision(&entry.revision),
            format!("{:?}", entry.outcome),
            ago(entry.at.0, now),
            millis(entry.switch_millis),
            millis(entry.skew_millis),
            entry.approved_by.clone().unwrap_or_else(none),
            entry.reason.clone().unwrap_or_else(none),
        ]);
    }
    columns(&rows)
}

fn phase(view: &View) -> String {
    let phase = view.status.phase;
    phase.map_or_else(|| "not seen yet".to_owned(), |phase| format!("{phase:?}"))
}

/// What stands where nothing is.
fn none() -> String {
    "–".to_owned()
}

fn millis(millis: Option<i64>) -> String {
    millis.map_or_else(none, |millis| format!("{millis} ms"))
}

/// Blue and green have names of different lengths; below each other they should not look so.
fn padded(colour: Colour) -> String {
    format!("{:<5}", colour.as_str())
}

/// How long something has lasted.
fn ago(since: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(since).max(SignedDuration::ZERO))
}

/// How long something will take; `over` where it should have happened.
fn left(seconds: i64) -> String {
    if seconds < 0 {
        return "over".to_owned();
    }
    span(SignedDuration::from_secs(seconds))
}

/// As kubectl shows ages: the two largest units at most.
fn span(duration: SignedDuration) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let seconds = duration.as_secs();
    if seconds >= DAY {
        let hours = seconds % DAY / HOUR;
        let rest = if hours == 0 {
            String::new()
        } else {
            format!("{hours}h")
        };
        return format!("{}d{rest}", seconds / DAY);
    }
    let smallest = if seconds >= HOUR {
        Unit::Minute
    } else {
        Unit::Second
    };
    let rounding = SignedDurationRound::new()
        .smallest(smallest)
        .mode(RoundMode::Trunc);
    let rounded = duration.round(rounding).unwrap_or(duration);
    SpanPrinter::new()
        .spacing(Spacing::None)
        .duration_to_string(&rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (125, "2m5s"),
            (3600, "1h"),
            (86_399, "23h59m"),
            (86_400, "1d"),
            (100_000, "1d3h"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn what_is_over_is_said_so() {
        assert_eq!(left(-1), "over");
        assert_eq!(left(0), "0s");
    }
}
