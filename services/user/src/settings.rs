//! Settings of this service.

use clap::Parser;
use uuid::Uuid;

/// Accounts of the exchange: registration, login, profile, standing.
#[derive(Parser)]
#[command(name = "user-service", version)]
pub struct Settings {
    #[command(flatten)]
    pub platform: exchange_platform::Settings,

    /// Seconds that a token is valid.
    #[arg(long, env = "TOKEN_TTL_SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub token_ttl_seconds: u64,

    /// Accounts that get the role operator when this process starts, as a comma-separated list of user
    /// ids: the first operator, who then gives roles to others.
    #[arg(long, env = "OPERATORS", value_delimiter = ',')]
    pub operators: Vec<Uuid>,
}
