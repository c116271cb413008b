//! The two HTTP servers of a process, and the order in which they stop.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, to};
use actix_web::{App, HttpServer};
use tokio::task::JoinHandle;
use utoipa_actix_web::AppExt;

use crate::admin;
use crate::edge::edge;
use crate::input::limits;
use crate::interface::{self, Endpoints, Interface};
use crate::platform::{Lifecycle, Platform};
use crate::run::{Shared, StartError};
use crate::settings::Settings;

/// Longer than clients keep idle connections, so that they close first: a request that meets a
/// closing socket is lost.
const KEEP_ALIVE: Duration = Duration::from_secs(120);
/// What is in flight when the port closes gets this long.
const FINISH_SECONDS: u64 = 20;
/// Background tasks get this long to finish.
const TASKS: Duration = Duration::from_secs(5);

/// A server that was started.
pub(crate) struct Running {
    handle: ServerHandle,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Stops accepting; `graceful` finishes what is in flight.
    pub(crate) async fn stop(self, graceful: bool) {
        self.handle.stop(graceful).await;
        if let Ok(Err(error)) = self.ended.await {
            tracing::error!(%error, "server ended with an error");
        }
    }
}

/// Starts the admin port.
pub(crate) fn admin(settings: &Settings, lifecycle: Arc<Lifecycle>) -> Result<Running, StartError> {
    let listener = listen(settings, settings.admin_port, "admin")?;
    let server = HttpServer::new(move || {
        let lifecycle = Arc::clone(&lifecycle);
        App::new().configure(|config| admin::routes(config, lifecycle))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(Running {
        handle: server.handle(),
        ended: tokio::spawn(server),
    })
}

/// Starts the client port.
pub(crate) fn client(
    settings: &Settings,
    platform: &Platform,
    shared: Shared,
    endpoints: fn(&mut Endpoints<'_>),
) -> Result<Running, StartError> {
    let listener = listen(settings, settings.port, "client")?;
    let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(2));
    let traffic = Arc::clone(&platform.lifecycle().traffic);
    let platform = platform.clone();
    let document = interface::document(platform.identity().service, endpoints);
    let interface = Data::new(Interface::new(document));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(platform.clone())
            .app_data(Data::new(platform.clone()))
            .app_data(interface.clone())
            .configure(limits)
            .configure(|config| shared(config))
            .into_utoipa_app()
            .configure(interface::common)
            .configure(endpoints)
            .into_app()
            .default_service(to(interface::nothing_here))
            .wrap(from_fn(edge))
    })
    .workers(workers)
    .keep_alive(KEEP_ALIVE)
    // Client pools open connections ahead of need; one that has not been used yet must not be
    // closed under a request either.
    .client_request_timeout(KEEP_ALIVE)
    .shutdown_timeout(FINISH_SECONDS)
    .tcp_nodelay(true)
    .on_connect(move |_, extensions| {
        extensions.insert(traffic.connection());
    })
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(Running {
        handle: server.handle(),
        ended: tokio::spawn(server),
    })
}

fn listen(settings: &Settings, port: u16, name: &str) -> Result<TcpListener, StartError> {
    let refused = |source| StartError::Port { port, source };
    let listener = TcpListener::bind((settings.bind_address, port)).map_err(refused)?;
    let port = listener.local_addr().map_err(refused)?.port();
    tracing::info!(name, port, "listening");
    Ok(listener)
}

/// Leaves without losing a request: first asks clients to reconnect elsewhere while it still serves,
/// then closes the port, finishes what is in flight, and ends the background tasks.
pub(crate) async fn shut_down(client: Running, platform: &Platform, settings: &Settings) {
    platform.lifecycle().leave();
    // All of it, even without a connection: the next one may come from a pod that leaves as well.
    tokio::time::sleep(Duration::from_secs(settings.lame_duck_seconds)).await;
    platform.lifecycle().stop();
    client.stop(true).await;
    platform.stopping().cancel();
    platform.tasks().close();
    if tokio::time::timeout(TASKS, platform.tasks().wait())
        .await
        .is_err()
    {
        tracing::warn!("background tasks did not end in time");
    }
    // A connection that is still held must not keep the process.
    let _ = tokio::time::timeout(Duration::from_secs(1), platform.pool().close()).await;
}
