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

    /// Keep emails readable beside their sealed form, for the version before, which knows no other. Only
    /// while that version serves or may come back: readable emails outlive the destruction of a key.
    #[arg(long, env = "PLAIN_EMAILS")]
    pub plain_emails: bool,

    /// Where the trade service is.
    #[arg(long, env = "TRADE_URL", default_value = "http://127.0.0.1:8082")]
    pub trade_url: String,

    /// Where the notification service is.
    #[arg(
        long,
        env = "NOTIFICATION_URL",
        default_value = "http://127.0.0.1:8083"
    )]
    pub notification_url: String,
}
