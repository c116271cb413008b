//! Figures beside what is aimed at.

use std::time::Duration;

/// Milliseconds of many spans.
#[derive(Default)]
pub struct Spans(Vec<f64>);

impl Spans {
    /// One more.
    pub fn add(&mut self, span: Duration) {
        self.0.push(span.as_secs_f64() * 1000.0);
    }

    /// The smallest value that this share of the spans does not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let count = u32::try_from(sorted.len()).unwrap_or(u32::MAX);
        let rank = (f64::from(count) * share).ceil();
        let index = (1..=count).filter(|n| f64::from(*n) < rank).count();
        sorted.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// A line of the table.
pub fn line(what: &str, figure: &str, aim: &str) {
    println!("{what:<62} {figure:>24}   {aim}");
}

/// A line of median and 95th percentile.
pub fn spans(what: &str, spans: &Spans, aim: &str) {
    let (median, high) = (spans.quantile(0.5), spans.quantile(0.95));
    line(what, &format!("{median:.1} / {high:.1} ms"), aim);
}
