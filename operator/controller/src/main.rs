//! The operator: observes, asks the engine, carries out, tells. It decides nothing about releases.

mod act;
mod ask;
mod cache;
mod client;
mod context;
mod leader;
mod memory;
mod metrics;
mod observe;
mod reconcile;
mod run;
mod settings;
mod tell;
mod wake;
mod web;

use std::process::ExitCode;

use clap::Parser;

use crate::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    settings.start_logging();
    match run::run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the operator ends");
            ExitCode::FAILURE
        }
    }
}
