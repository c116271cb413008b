//! The command line: `changeover-traffic run …`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use changeover_traffic::{Plan, Report, Shares, Stop, Targets, run};

/// Exit code of a run whose client did not keep its own rate.
const RATE_NOT_KEPT: u8 = 2;

/// Open-loop client of the exchange: what was sent, what came back, what was lost.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sends traffic at a constant rate and writes the account of it.
    Run(Box<RunArgs>),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The user service, http://host:port (loopback or private addresses only).
    #[arg(long)]
    user_url: String,
    /// The trade service.
    #[arg(long)]
    trade_url: String,
    /// The notification service.
    #[arg(long)]
    notification_url: String,
    /// Requests per second, of all kinds of clients together.
    #[arg(long, default_value_t = 150.0)]
    rate: f64,
    /// Parts of the rate: fresh connections, kept-alive pool, traders.
    #[arg(long, default_value = "40,40,20", value_parser = shares)]
    shares: Shares,
    /// Accounts that trade, an even number; 0 for none.
    #[arg(long, default_value_t = 6)]
    traders: u32,
    /// The market the traders use.
    #[arg(long, default_value = "ETH-EUR")]
    market: String,
    /// How long to send, at most 2h.
    #[arg(long, default_value = "2h", value_parser = duration)]
    duration: Duration,
    /// End early when stdin closes.
    #[arg(long)]
    until_stdin_closes: bool,
    /// How long one request may take.
    #[arg(long, default_value = "10s", value_parser = duration)]
    timeout: Duration,
    /// Requests in flight at which the client gives up its rate.
    #[arg(long, default_value_t = 4096)]
    max_in_flight: u32,
    /// Where to write the report (JSON).
    #[arg(long)]
    report: PathBuf,
    /// Look the orders up here after the run, postgres://…
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

/// Runs the command; the exit code says whether the client did its part, not what it found.
pub async fn execute() -> Result<ExitCode> {
    let Command::Run(args) = Cli::parse().command;
    let (sender, stop) = Stop::channel();
    watch_signals(sender.clone())?;
    if args.until_stdin_closes {
        watch_stdin(sender);
    }
    let report = run(&plan(&args).await?, stop, || {
        println!("ready");
        // stdout is a pipe when a test waits for this line.
        let _ = std::io::stdout().flush();
    })
    .await?;
    write(&args.report, &report)?;
    eprintln!("{}", closing(&report));
    Ok(match report.kept_rate {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(RATE_NOT_KEPT),
    })
}

async fn plan(args: &RunArgs) -> Result<Plan> {
    let targets = Targets::resolve(&args.user_url, &args.trade_url, &args.notification_url).await?;
    Ok(Plan {
        targets,
        rate: args.rate,
        shares: args.shares,
        traders: args.traders,
        market: args.market.clone(),
        duration: args.duration,
        timeout: args.timeout,
        max_in_flight: args.max_in_flight,
        database_url: args.database_url.clone(),
        progress: true,
    })
}

fn watch_signals(stop: watch::Sender<bool>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
    });
    Ok(())
}

/// On a thread of its own: a read of stdin cannot be cancelled, and must not hold up the exit.
fn watch_stdin(stop: watch::Sender<bool>) {
    std::thread::spawn(move || {
        let mut discarded = [0; 256];
        while matches!(std::io::stdin().read(&mut discarded), Ok(1..)) {}
        stop.send_replace(true);
    });
}

/// Whole or not at all: a reader never sees half a report.
fn write(path: &Path, report: &Report) -> Result<()> {
    let unwritable = || format!("the report cannot be written to {}", path.display());
    let partial = path.with_extension("partial");
    std::fs::write(&partial, serde_json::to_vec_pretty(report)?).with_context(unwritable)?;
    std::fs::rename(&partial, path).with_context(unwritable)
}

fn closing(report: &Report) -> String {
    let total = &report.total;
    let mut text = format!(
        "sent {} ok {} failed {} (lost {}, duplicated {}, mixed {}); longest gap {} ms; \
         p50 {:.1} p99 {:.1} p99.9 {:.1} ms",
        total.sent,
        total.ok,
        total.failed,
        total.lost,
        total.duplicated,
        total.mixed,
        total.longest_gap_millis,
        total.p50_millis,
        total.p99_millis,
        total.p999_millis
    );
    if let Some(streams) = &report.streams {
        text += &format!(
            "\n{} streams: {} events over {} connections, {} missing, {} doubled, {} out of order, {} broken",
            streams.followed,
            streams.events,
            streams.opened,
            streams.gaps,
            streams.doubled,
            streams.disordered,
            streams.broken
        );
    }
    if !report.kept_rate {
        text += &format!(
            "\nthe client did not keep its rate of {}/s ({} late, {} not started, up to {} ms \
             late): the figures prove nothing; lower the rate or free the machine",
            report.rate, report.late, report.skipped, report.max_late_millis
        );
    }
    text
}

fn duration(text: &str) -> Result<Duration> {
    let signed: SignedDuration = text
        .parse()
        .with_context(|| format!("{text:?} is not a duration like 60s or 5m"))?;
    Duration::try_from(signed).context("a duration cannot be negative")
}

fn shares(text: &str) -> Result<Shares> {
    let parts = text
        .split(',')
        .map(|part| {
            part.trim()
                .parse::<f64>()
                .with_context(|| format!("{part:?} is not a number"))
        })
        .collect::<Result<Vec<_>>>()?;
    match parts[..] {
        [fresh, pooled, traders] => Ok(Shares {
            fresh,
            pooled,
            traders,
        }),
        _ => anyhow::bail!("three numbers are expected: fresh,pooled,traders"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_shares_are_read() {
        assert_eq!(duration("60s").unwrap(), Duration::from_secs(60));
        assert_eq!(duration("2m").unwrap(), Duration::from_secs(120));
        assert!(duration("-1s").is_err());
        assert!(duration("soon").is_err());
        assert_eq!(
            shares("1, 2,3.5").unwrap(),
            Shares {
                fresh: 1.0,
                pooled: 2.0,
                traders: 3.5
            }
        );
        assert!(shares("1,2").is_err());
    }
}
