//! The command `changeover-bench`: how fast clients are moved, and what the operator takes for it. Figures, not a test.

mod crowd;
mod figures;
mod floor;
mod latency;
mod shown;
mod trace;

use std::process::ExitCode;

use anyhow::Result;
use changeover_e2e::say;
use clap::{Parser, ValueEnum};

/// Measures how fast clients are moved, and what the operator takes for it.
#[derive(Parser)]
struct Arguments {
    /// Only this part
    part: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The operator's memory, CPU time and requests; releases in a crowd
    Crowd,
    /// From verdict to switch, and back
    Latency,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format!("changeover-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn bench() -> Result<()> {
    let part = Arguments::parse().part;
    if part != Some(Part::Latency) {
        crowd::measure().await?;
    }
    if part != Some(Part::Crowd) {
        latency::measure().await?;
    }
    Ok(())
}
