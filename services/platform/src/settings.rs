//! Settings that every service has. Each is a flag and an environment variable; the flag wins.

use std::net::IpAddr;

use clap::ValueEnum;

/// Settings that every service has; a service flattens them into its own.
///
/// Not `Debug`: the database's address holds a password.
#[derive(Clone, clap::Args)]
pub struct Settings {
    /// Address that both ports listen on.
    #[arg(long, env = "BIND_ADDRESS", default_value = "0.0.0.0")]
    pub bind_address: IpAddr,

    /// Port for clients; 0 takes a free one and logs it.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub port: u16,

    /// Port for probes, metrics and the drain lease; 0 takes a free one and logs it.
    #[arg(long, env = "ADMIN_PORT", default_value_t = 9090)]
    pub admin_port: u16,

    /// PostgreSQL, as postgres://user:password@host:port/database.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    #[arg(required_unless_present = "print_openapi", required = false)]
    #[arg(default_value_if("print_openapi", "true", ""))]
    pub database_url: String,

    /// Database connections this process may hold. One of them watches the database's health, and one more
    /// may listen for news.
    #[arg(long, env = "DATABASE_POOL", default_value_t = 5, value_parser = clap::value_parser!(u32).range(3..=100))]
    pub database_pool: u32,

    /// Version of the exchange this image belongs to.
    #[arg(long, env = "EXCHANGE_VERSION", default_value = "0.0.0-dev", value_parser = token)]
    pub version: String,

    /// Features of this version, as a comma-separated list.
    #[arg(
        long,
        env = "EXCHANGE_FEATURES",
        value_delimiter = ',',
        default_value = ""
    )]
    pub features: Vec<String>,

    /// A fault built into an image on purpose, to show that a release of it is refused.
    #[arg(long, env = "EXCHANGE_FAULT", value_parser = fault, default_value = "")]
    pub fault: Fault,

    /// Colour this process serves for.
    #[arg(long, env = "EXCHANGE_COLOUR", value_enum, default_value_t = Colour::None)]
    pub colour: Colour,

    /// Revision of the release this process belongs to.
    #[arg(long, env = "EXCHANGE_REVISION", default_value = "")]
    pub revision: String,

    /// Lowest level that is logged: error, warn, info, debug or trace.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    pub log_level: tracing::Level,

    /// Seconds to keep serving after SIGTERM, so that clients learn of it before the port closes.
    #[arg(long, env = "LAME_DUCK_SECONDS", default_value_t = 10)]
    pub lame_duck_seconds: u64,

    /// Print the OpenAPI document of the client port, and exit.
    #[arg(long)]
    pub print_openapi: bool,
}

/// The colour a process serves for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// The blue colour.
    Blue,
    /// The green colour.
    Green,
    /// Not part of a blue-green release: on a laptop, say.
    None,
}

impl Colour {
    /// As it stands in headers, events and settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
            Self::None => "none",
        }
    }
}

/// A fault built into an image on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A sound image.
    None,
    /// `/version` answers another version than the image's; readiness is unaffected.
    WrongVersion,
}

fn fault(value: &str) -> Result<Fault, String> {
    match value {
        "" => Ok(Fault::None),
        "wrong-version" => Ok(Fault::WrongVersion),
        _ => Err("the only fault is `wrong-version`; leave it empty for none".to_owned()),
    }
}

/// A version is sent in headers, between slashes and commas.
fn token(value: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
    if (1..=64).contains(&value.len()) && value.chars().all(plain) {
        Ok(value.to_owned())
    } else {
        Err("use 1 to 64 letters, digits, `.`, `-`, `+` or `_`, such as 2.0.0".to_owned())
    }
}
