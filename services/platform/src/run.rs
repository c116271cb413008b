//! The life of a service process, from its settings to its exit code.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use actix_web::web::ServiceConfig;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::database::{self, Service};
use crate::identity::Identity;
use crate::interface;
use crate::platform::{Lifecycle, Platform};
use crate::readiness::watch_database;
use crate::server;
use crate::settings::Settings;
use crate::telemetry;

/// What a service's endpoints share, added to the app of each worker.
pub type Shared = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

/// Why a process could not start. Its text is the last line that a crashed pod leaves behind, so it
/// says what to check.
#[derive(Debug, Error)]
pub enum StartError {
    /// `DATABASE_URL` cannot be read.
    #[error(
        "DATABASE_URL is not a PostgreSQL address. Write it as postgres://user:password@host:5432/database"
    )]
    DatabaseUrl,
    /// The database did not answer.
    #[error(
        "no PostgreSQL at {host}:{port} for {seconds} s ({cause}). Check that it runs, that DATABASE_URL names it with the right user and password, and that the network lets this process reach it"
    )]
    Database {
        /// Host in `DATABASE_URL`.
        host: String,
        /// Port in `DATABASE_URL`.
        port: u16,
        /// How long it was tried.
        seconds: u64,
        /// The last answer.
        cause: String,
    },
    /// The schema could not be brought up to date.
    #[error(
        "the database's schema cannot be brought up to date ({0}). Check that the user may create schemas and tables, and that no migration was changed after it ran"
    )]
    Migrations(String),
    /// A port is taken.
    #[error("port {port} cannot be opened ({source}). Choose another with PORT or ADMIN_PORT")]
    Port {
        /// The port.
        port: u16,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The system refused something else.
    #[error("the system refused to start a server ({0})")]
    System(#[from] std::io::Error),
    /// The service itself could not start.
    #[error("{0}")]
    Service(#[from] Box<dyn Error + Send + Sync>),
}

/// Runs a service until SIGTERM or SIGINT. `build` is called once the database is ready.
pub fn run<B, F>(service: Service, settings: Settings, build: B) -> ExitCode
where
    B: FnOnce(Platform) -> F,
    F: Future<Output = Result<Shared, StartError>>,
{
    if settings.print_openapi {
        print!(
            "{}",
            interface::text(&interface::document(service.name, service.endpoints))
        );
        return ExitCode::SUCCESS;
    }
    telemetry::start(settings.log_level);
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(2));
    let ended = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(StartError::System)
        .and_then(|main| main.block_on(live(service, settings, build)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn live<B, F>(service: Service, settings: Settings, build: B) -> Result<(), StartError>
where
    B: FnOnce(Platform) -> F,
    F: Future<Output = Result<Shared, StartError>>,
{
    let mut signals = Signals::new()?;
    let identity = Identity::new(service.name, &settings);
    let lifecycle = Lifecycle::new(&identity);
    // First of all, so that probes find out why a start takes its time.
    let admin = server::admin(&settings, Arc::clone(&lifecycle))?;
    let started = tokio::select! {
        started = start(service, &settings, identity, &lifecycle, build) => Some(started?),
        () = signals.stop() => None,
    };
    if let Some((platform, client)) = started {
        signals.stop().await;
        tracing::info!("shutting down");
        server::shut_down(client, &platform, &settings).await;
    }
    admin.stop(false).await;
    tracing::info!("stopped");
    Ok(())
}

async fn start<B, F>(
    mut service: Service,
    settings: &Settings,
    identity: Identity,
    lifecycle: &Arc<Lifecycle>,
    build: B,
) -> Result<(Platform, server::Running), StartError>
where
    B: FnOnce(Platform) -> F,
    F: Future<Output = Result<Shared, StartError>>,
{
    let options = database::options(settings, service.schema, &identity.hop())?;
    lifecycle.readiness.waits_for("waiting for the database");
    database::prepare(&options, &mut service).await?;
    lifecycle.readiness.waits_for("starting");
    let pool = database::pool(&options, settings);
    let platform = Platform::new(identity, pool, Arc::clone(lifecycle));
    let platform = platform.map_err(|error| StartError::Service(Box::new(error)))?;
    let shared = build(platform.clone()).await?;
    let watch_pool = database::watch_pool(&options);
    lifecycle.roles.attach(watch_pool.clone(), platform.main());
    let client = server::client(settings, &platform, shared, service.endpoints)?;
    lifecycle
        .readiness
        .waits_for("waiting for the keys that tokens are checked with");
    let (watched, keys) = (Arc::clone(lifecycle), platform.clone());
    tokio::spawn(async move {
        keys.keys_fetched().await;
        watch_database(watch_pool, &watched).await;
    });
    Ok((platform, client))
}

/// SIGTERM and SIGINT, caught from the start on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, StartError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
