//! `kubectl exr`: what a release does, and what people ask of it.

use std::process::ExitCode;

use changeover_cli::{Cli, run};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli).await {
        Ok(exit) => exit.into(),
        Err(problem) => {
            eprintln!("error: {problem}");
            problem.exit().into()
        }
    }
}
