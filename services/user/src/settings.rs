//! Settings of this service.

use clap::Parser;

/// Accounts of the exchange: registration, login, profile, standing.
#[derive(Parser)]
#[command(name = "user-service", version)]
pub struct Settings {
    #[command(flatten)]
    pub platform: exchange_platform::Settings,

    /// Seconds that a token is valid.
    #[arg(long, env = "TOKEN_TTL_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub token_ttl_seconds: u64,
}
