//! The database: one PostgreSQL for all services, a schema and a migrations table for each.

use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection, PgPool};

use crate::interface::Endpoints;
use crate::problem::Problem;
use crate::run::StartError;
use crate::settings::Settings;

/// How long start-up waits for the database.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a request waits for a lock that another transaction holds, before its client is told to try
/// again.
const LOCK_TIMEOUT: &str = "10s";

/// What a service brings along: its name, its schema, and the migrations of that schema.
pub struct Service {
    /// Name, as in headers and metrics.
    pub name: &'static str,
    /// Schema that belongs to this service alone.
    pub schema: &'static str,
    /// Expand-only migrations: the version before must keep working on the result.
    pub migrations: Migrator,
    /// Lists the endpoints.
    pub endpoints: fn(&mut Endpoints<'_>),
}

/// How to reach the database, from the settings.
pub(crate) fn options(
    settings: &Settings,
    schema: &str,
    hop: &str,
) -> Result<PgConnectOptions, StartError> {
    let options = PgConnectOptions::from_str(&settings.database_url);
    // The parser's message may quote the address, and with it the password.
    let options = options.map_err(|_| StartError::DatabaseUrl)?;
    // What the platform keeps stands in the schema of each service.
    Ok(options
        .application_name(hop)
        .options([("search_path", schema)]))
}

/// Waits until the database answers, then brings the service's schema up to date.
pub(crate) async fn prepare(
    options: &PgConnectOptions,
    service: &mut Service,
) -> Result<(), StartError> {
    let mut connection = connect(options).await?;
    let mut own = sqlx::migrate!();
    for (migrations, table) in [
        (&mut service.migrations, "_sqlx_migrations"),
        (&mut own, "_platform_migrations"),
    ] {
        // A newer version may have migrated further; its migrations only expand.
        migrations.set_ignore_missing(true);
        migrations.create_schema(service.schema);
        migrations.dangerous_set_table_name(format!("{}.{table}", service.schema));
        migrations.run_direct(None, &mut connection, false).await?;
    }
    Ok(())
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StartError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let cause = match tokio::time::timeout(left, options.connect()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => describe(&error),
            Err(_) => "no answer".to_owned(),
        };
        tracing::warn!(cause, "the database cannot be reached yet");
        if Instant::now() + Duration::from_millis(500) >= deadline {
            return Err(StartError::Database {
                host: options.get_host().to_owned(),
                port: options.get_port(),
                seconds: PATIENCE.as_secs(),
                cause,
            });
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The pool for requests: what `DATABASE_POOL` allows, less the connection that watches health.
pub(crate) fn pool(options: &PgConnectOptions, settings: &Settings) -> PgPool {
    let most = settings.database_pool.saturating_sub(1).max(1);
    PgPoolOptions::new()
        .max_connections(most)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.clone().options([("lock_timeout", LOCK_TIMEOUT)]))
}

/// The connection that watches the database's health.
pub(crate) fn watch_pool(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(options.clone())
}

/// An instant as RFC 3339, from microseconds since 1970. Queries ask for
/// `(extract(epoch FROM column) * 1000000)::bigint`.
pub fn rfc3339(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .map(|at| at.to_string())
        .unwrap_or_default()
}

/// What went wrong, without the values of a statement: those may be personal data.
fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            format!("{} (SQLSTATE {code})", database.message())
        }
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Whether the same statement may succeed a moment later: connections, shutdown of the server, too
/// many clients, deadlocks and serialization.
fn is_temporary(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            let classes = ["08", "53", "57P", "40001", "40P01", "55P03", "25006"];
            classes.iter().any(|class| code.starts_with(class))
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let cause = describe(&error);
        if is_temporary(&error) {
            tracing::warn!(cause, "the database did not answer");
            Self::unavailable(
                "database",
                "The database does not answer. Nothing was done; try again.",
            )
        } else {
            tracing::error!(cause, "the database refused a statement");
            Self::internal()
        }
    }
}

impl From<MigrateError> for StartError {
    fn from(error: MigrateError) -> Self {
        Self::Migrations(error.to_string())
    }
}
