//! Settings of this service.

use clap::Parser;

/// Notifications: takes events and keeps them for the people they concern.
#[derive(Parser)]
#[command(name = "notification-service", version)]
pub struct Settings {
    #[command(flatten)]
    pub platform: exchange_platform::Settings,

    /// Where the user service is.
    #[arg(long, env = "USER_URL", default_value = "http://127.0.0.1:8081")]
    pub user_url: String,
}
