//! The operator: observes, asks the engine, carries out, tells. It decides nothing about releases.

mod act;
mod ask;
mod cache;
mod client;
mod context;
mod leader;
mod look;
mod memory;
mod metrics;
mod queue;
mod reconcile;
mod run;
mod settings;
mod shelf;
mod shown;
mod slim;
mod tell;
mod term;
mod wake;
mod watching;
mod web;

use std::process::ExitCode;

use clap::Parser;

use crate::settings::Settings;

/// Everything that is read is decoded into many small pieces, with which the allocator of musl is slow. Most
/// others keep more memory at rest than this operator takes.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[tokio::main(flavor = "current_thread")]
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
