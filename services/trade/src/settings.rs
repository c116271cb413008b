//! Settings of this service.

use clap::Parser;

/// Trading: balances, limit orders, matching, the order book.
#[derive(Parser)]
#[command(name = "trade-service", version)]
pub struct Settings {
    #[command(flatten)]
    pub platform: exchange_platform::Settings,

    /// Where the user service is.
    #[arg(long, env = "USER_URL", default_value = "http://127.0.0.1:8081")]
    pub user_url: String,

    /// Where the notification service is.
    #[arg(
        long,
        env = "NOTIFICATION_URL",
        default_value = "http://127.0.0.1:8083"
    )]
    pub notification_url: String,
}
