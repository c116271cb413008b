//! A run from set-up to the report.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clients::Traders;
use crate::recorder::Recorder;
use crate::report::{Kind, Report};
use crate::target::Targets;
use crate::{ledger, summary, traffic};

/// A run never lasts longer.
pub const LONGEST_RUN: Duration = Duration::from_hours(2);

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the exchange is.
    pub targets: Targets,
    /// Requests per second, of all kinds together.
    pub rate: f64,
    /// How the rate is divided among the kinds.
    pub shares: Shares,
    /// Accounts that trade: half of them buy, half sell; 0 for none.
    pub traders: u32,
    /// The market they trade in, `BASE-QUOTE`.
    pub market: String,
    /// How long requests are started, at most 2 hours.
    pub duration: Duration,
    /// How long a request may take.
    pub timeout: Duration,
    /// How many requests may be in flight before the client gives up its rate.
    pub max_in_flight: u32,
    /// Where the orders are looked up after the run.
    pub database_url: Option<String>,
    /// Whether a line a second goes to stderr.
    pub progress: bool,
}

impl Plan {
    /// The kinds that send anything.
    fn active_kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| self.share(*kind) > 0.0)
    }

    /// The requests per second of one kind.
    pub(crate) fn rate_of(&self, kind: Kind) -> f64 {
        let whole: f64 = Kind::ALL.into_iter().map(|kind| self.share(kind)).sum();
        self.rate * self.share(kind) / whole
    }

    fn share(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Fresh => self.shares.fresh,
            Kind::Pooled => self.shares.pooled,
            Kind::Traders if self.traders == 0 => 0.0,
            Kind::Traders => self.shares.traders,
        }
    }
}

/// The kinds' parts of the rate, in any unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// A new connection per request.
    pub fresh: f64,
    /// Kept-alive pools.
    pub pooled: f64,
    /// Trading accounts.
    pub traders: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            fresh: 40.0,
            pooled: 40.0,
            traders: 20.0,
        }
    }
}

/// A request to end early, with a complete report.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A stop, and what sends it. Dropping the sender stops nothing.
    #[must_use]
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    pub(crate) async fn requested(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Sets up, calls `ready`, sends steady traffic until its time is over or `stop`, waits for the
/// answers, and accounts for them.
///
/// # Errors
/// When the plan makes no sense, set-up fails, or the database cannot be asked. Lost requests
/// and a rate that was not kept are not errors: they are in the report.
pub async fn run(plan: &Plan, mut stop: Stop, ready: impl FnOnce()) -> Result<Report> {
    check(plan)?;
    let traders = tokio::select! {
        opened = open_traders(plan) => opened?,
        () = stop.requested() => bail!("stopped during set-up, before any traffic"),
    };
    let start = Instant::now();
    let recorder = Arc::new(Recorder::new(start, plan.active_kinds())?);
    let streams = traders.as_ref().map(|traders| traders.follow());
    ready();
    let end = traffic::send(plan, traders.as_ref(), start, stop, &recorder).await;
    let ended_at = jiff::Timestamp::now();
    let ledger = match (&plan.database_url, &traders) {
        (Some(url), Some(traders)) => Some(ledger::check(url, traders).await?),
        _ => None,
    };
    let streams = match (&plan.database_url, &streams) {
        (Some(url), Some(streams)) => Some(ledger::check_streams(url, streams).await?),
        _ => None,
    };
    let conflicting_keys = traders.map_or(0, |traders| traders.conflicting_keys());
    let mut report = summary::report(plan.rate, &recorder.tally(), end, ended_at);
    summary::enter(&mut report, ledger, conflicting_keys);
    report.streams = streams;
    Ok(report)
}

fn check(plan: &Plan) -> Result<()> {
    let Shares {
        fresh,
        pooled,
        traders,
    } = plan.shares;
    if !(plan.rate > 0.0 && plan.rate <= 5000.0) {
        bail!(
            "the rate must be above 0 and at most 5000 requests/s, not {}",
            plan.rate
        );
    }
    if [fresh, pooled, traders]
        .iter()
        .any(|share| !(0.0..=1e6).contains(share))
        || fresh + pooled + traders == 0.0
    {
        bail!("shares must not be negative, and one must be above 0");
    }
    if !plan.traders.is_multiple_of(2) {
        bail!(
            "traders come in pairs of a buyer and a seller: give an even number, not {}",
            plan.traders
        );
    }
    if plan.duration > LONGEST_RUN {
        bail!("a run lasts at most {} minutes", LONGEST_RUN.as_secs() / 60);
    }
    if plan.active_kinds().next().is_none() {
        bail!("only traders have a share of the rate, but there are none: give --traders");
    }
    Ok(())
}

async fn open_traders(plan: &Plan) -> Result<Option<Arc<Traders>>> {
    if plan.traders == 0 {
        return Ok(None);
    }
    plan.targets.reachable().await?;
    let traders =
        Traders::open(&plan.targets, &plan.market, plan.traders / 2, plan.timeout).await?;
    Ok(Some(Arc::new(traders)))
}
