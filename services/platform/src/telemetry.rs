//! Logs: JSON, one line an event, to standard output.
//!
//! What may be logged: identifiers, routes as patterns, statuses, durations, error codes. Never an
//! email, a password, a token, a body, or a path or query as the client sent it.

use tracing::Level;
use tracing_subscriber::EnvFilter;

/// Starts logging. The second caller in a process is ignored.
pub(crate) fn start(level: Level) {
    // The libraries below log addresses and statements on their lower levels.
    let filter = format!("{level},sqlx=warn,hyper=warn,hyper_util=warn,reqwest=warn,actix=warn");
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(EnvFilter::new(filter))
        .try_init();
    if started.is_err() {
        tracing::debug!("logging was already started");
    }
}
