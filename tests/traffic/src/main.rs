//! The command `changeover-traffic`.

mod cli;

use std::process::ExitCode;

// One thread is plenty for hundreds of requests a second, and leaves the others to the cluster.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::execute().await.unwrap_or_else(|error| {
        eprintln!("changeover-traffic: {error:#}");
        ExitCode::FAILURE
    })
}
