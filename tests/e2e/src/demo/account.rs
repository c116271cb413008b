//! The account of the demo: from the release's own status and the traffic client's report, from nothing else.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use changeover_crds::{ExchangeRelease, HistoryEntry, Outcome};
use changeover_e2e::flaws;
use changeover_traffic::{LedgerFigures, Report};
use serde::Serialize;

/// What is written to `target/demo/report.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    verdict: String,
    flaws: Vec<String>,
    releases: Vec<Release>,
    traffic: Traffic,
}

/// One release, oldest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Release {
    version: String,
    outcome: Outcome,
    /// From the journal to the last verified EndpointSlice.
    switch_millis: Option<i64>,
    /// Between the first and the last Service.
    skew_millis: Option<i64>,
    /// Why it was rejected.
    reason: Option<String>,
    /// Answers that clients got from it.
    answers: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Traffic {
    rate: f64,
    kept_rate: bool,
    sent: u64,
    ok: u64,
    failed: u64,
    lost: u64,
    duplicated: u64,
    mixed: u64,
    longest_gap_millis: u64,
    p50_millis: f64,
    p99_millis: f64,
    p999_millis: f64,
    answered_by: BTreeMap<String, u64>,
    ledger: Option<LedgerFigures>,
}

impl Account {
    /// Puts both sources together.
    ///
    /// # Errors
    /// If the release has no status.
    pub fn of(release: &ExchangeRelease, report: Report) -> Result<Self> {
        let status = release
            .status
            .as_ref()
            .context("the release has no status")?;
        let rejected = status.rejected.as_ref();
        let shown = |entry: &HistoryEntry| Release {
            version: entry.version.clone(),
            outcome: entry.outcome,
            switch_millis: entry.switch_millis,
            skew_millis: entry.skew_millis,
            reason: rejected
                .filter(|r| r.revision == entry.revision)
                .map(|r| format!("{}: {}", r.reason, r.message)),
            answers: report.answered_by.get(&entry.version).copied().unwrap_or(0),
        };
        let releases: Vec<Release> = status.history.iter().rev().map(shown).collect();
        let mut flaws = flaws(&report);
        flaws.extend(unexpected(&releases));
        let mut account = Self {
            verdict: String::new(),
            flaws,
            releases,
            traffic: Traffic::of(report),
        };
        account.verdict = account.judge();
        Ok(account)
    }

    /// Whether it went as it should.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.flaws.is_empty()
    }

    fn judge(&self) -> String {
        let traffic = &self.traffic;
        if !self.passed() {
            return format!("FAILED: {}", self.flaws.join("; "));
        }
        format!(
            "PASSED: {} requests, {} lost, {} mixed; 2.0.0 went live under load, 3.0.0 never served a client",
            traffic.sent, traffic.lost, traffic.mixed
        )
    }
}

/// What should have happened to the three versions, and did not.
fn unexpected(releases: &[Release]) -> Vec<String> {
    let wanted = [
        ("1.0.0", Outcome::Live, true),
        ("2.0.0", Outcome::Live, true),
        ("3.0.0", Outcome::Rejected, false),
    ];
    let is_so = |(version, outcome, served): (&str, Outcome, bool)| {
        releases.iter().any(|release| {
            release.version == version
                && release.outcome == outcome
                && (release.answers > 0) == served
        })
    };
    let missed = wanted.into_iter().filter(|one| !is_so(*one));
    missed
        .map(|(version, outcome, served)| {
            let clients = if served { "with" } else { "without" };
            format!("{version} should have ended as {outcome:?} {clients} answers to clients")
        })
        .collect()
}

impl Traffic {
    fn of(report: Report) -> Self {
        let total = report.total;
        Self {
            rate: report.rate,
            kept_rate: report.kept_rate,
            sent: total.sent,
            ok: total.ok,
            failed: total.failed,
            lost: total.lost,
            duplicated: total.duplicated,
            mixed: total.mixed,
            longest_gap_millis: total.longest_gap_millis,
            p50_millis: total.p50_millis,
            p99_millis: total.p99_millis,
            p999_millis: total.p999_millis,
            answered_by: report.answered_by,
            ledger: report.ledger,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "release  outcome   switch   widest gap  requests answered"
        )?;
        for release in &self.releases {
            writeln!(
                f,
                "{:<8} {:<9} {:>7}  {:>10}  {:>17}",
                release.version,
                format!("{:?}", release.outcome),
                millis(release.switch_millis),
                millis(release.skew_millis),
                release.answers
            )?;
            if let Some(reason) = &release.reason {
                writeln!(f, "         {reason}")?;
            }
        }
        let traffic = &self.traffic;
        writeln!(
            f,
            "\nrequests  sent {}  ok {}  failed {}  lost {}  duplicated {}  mixed {}",
            traffic.sent,
            traffic.ok,
            traffic.failed,
            traffic.lost,
            traffic.duplicated,
            traffic.mixed
        )?;
        writeln!(
            f,
            "answers   p50 {:.1} ms  p99 {:.1} ms  p99.9 {:.1} ms  longest gap {} ms",
            traffic.p50_millis, traffic.p99_millis, traffic.p999_millis, traffic.longest_gap_millis
        )?;
        if let Some(ledger) = &traffic.ledger {
            writeln!(
                f,
                "ledger    {} orders accepted, {} missing, {} twice; {} fills, {} notifications missing",
                ledger.accepted_orders,
                ledger.missing_orders,
                ledger.duplicated_keys,
                ledger.filled_sides / 2,
                ledger.notifications_missing
            )?;
        }
        write!(f, "\n{}", self.verdict)
    }
}

fn millis(value: Option<i64>) -> String {
    value.map_or_else(|| "–".to_owned(), |millis| format!("{millis} ms"))
}
