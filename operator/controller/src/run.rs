//! Joins everything: web server from the start, then the lease, then the controllers.

use std::sync::Arc;
use std::time::Duration;

use futures::future::ready;
use futures::{Stream, StreamExt, TryStreamExt};
use kube::runtime::reflector::store::Writer;
use kube::runtime::{Controller, WatchStreamExt, controller, reflector, watcher};
use kube::{Api, Client, ResourceExt};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::ask::Http;
use crate::cache::Caches;
use crate::client::{connect, watch_backoff};
use crate::context::Context;
use crate::leader::{Election, Lost};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::reconcile::{on_error, reconcile};
use crate::settings::Settings;
use crate::shelf::{Release, Watched};
use crate::wake::Wakers;
use crate::web;

/// Releases that are worked on at the same time.
const TURNS: usize = 8;
/// The queue of releases hands out all it has: [`Context::turns`] bounds the work.
const UNBOUNDED: u16 = 0;
/// How long a reconcile in progress may go on after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// Why the operator ends by itself.
#[derive(Debug, Error)]
pub enum RunError {
    /// No way to an API server is configured.
    #[error(
        "no API server is configured: run in a pod with a service account, or set KUBECONFIG: {0}"
    )]
    Config(#[source] kube::Error),
    /// The client for our own pods could not be built.
    #[error("HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// The web server ended.
    #[error("web server on {0}: {1}")]
    Web(std::net::SocketAddr, #[source] std::io::Error),
    /// Signals cannot be awaited.
    #[error("signals: {0}")]
    Signal(#[source] std::io::Error),
    /// Another replica may lead now.
    #[error("leads no longer: {0}")]
    Lost(#[from] Lost),
}

/// Runs until SIGTERM, or until the lease is lost.
///
/// # Errors
/// See [`RunError`].
pub async fn run(settings: Settings) -> Result<(), RunError> {
    let client = connect().await.map_err(RunError::Config)?;
    let (lead, leading) = watch::channel(false);
    let (mut wakers, mut caches) = (Wakers::default(), Caches::default());
    let watched: Vec<_> = settings
        .namespaces()
        .into_iter()
        .map(|namespace| {
            let changes = caches.open(&client, namespace.clone());
            let woken = wakers.open(namespace.clone());
            (namespace, futures::stream::select(changes, woken))
        })
        .collect();
    let ctx = Arc::new(Context {
        client: client.clone(),
        caches,
        memory: Memory::default(),
        http: Http::new()?,
        wakers,
        metrics: Arc::new(Metrics::new()),
        instance: settings.pod_name.clone(),
        approvers_verified: settings.approvers_verified,
        turns: Semaphore::new(TURNS),
        leading,
    });
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signal)?;
    let mut election = Election::new(
        client.clone(),
        &settings.pod_namespace,
        &settings.lease_name,
        &settings.pod_name,
    );
    let web = web::serve(settings.listen, ctx.clone());
    tokio::pin!(web);

    tokio::select! {
        ended = &mut web => return web_ended(ended, &settings),
        _ = terminate.recv() => return Ok(()),
        () = election.win() => {}
    }
    tracing::info!(lease = settings.lease_name, "leads");
    ctx.metrics.lead(true);
    lead.send_replace(true);
    let (stop, stopped) = watch::channel(false);
    let mut controllers = JoinSet::new();
    for (namespace, reasons) in watched {
        controllers.spawn(control(
            client.clone(),
            namespace,
            reasons,
            ctx.clone(),
            stopped.clone(),
        ));
    }

    tokio::select! {
        ended = &mut web => return web_ended(ended, &settings),
        lost = election.hold() => {
            lead.send_replace(false);
            // Nothing that a former leader began goes on.
            controllers.shutdown().await;
            ctx.memory.hush(None);
            return Err(lost.into());
        }
        _ = terminate.recv() => {}
    }
    tracing::info!("finishes what is in progress");
    stop.send_replace(true);
    ctx.turns.close();
    // A controller whose CRD is missing would never end: bound it.
    let ended = async { while controllers.join_next().await.is_some() {} };
    let in_time = tokio::time::timeout(GRACE, ended).await.is_ok();
    tracing::info!(in_time, "controllers ended");
    election.release().await;
    Ok(())
}

fn web_ended(ended: std::io::Result<()>, settings: &Settings) -> Result<(), RunError> {
    ended.map_err(|error| RunError::Web(settings.listen, error))
}

/// Watches releases; each change of one, of a child, or of what is known is a reason to look.
async fn control(
    client: Client,
    namespace: Option<String>,
    reasons: impl Stream<Item = Release> + Send + 'static,
    ctx: Arc<Context>,
    mut stopped: watch::Receiver<bool>,
) {
    let releases: Api<Watched> = namespace.map_or_else(
        || Api::all(client.clone()),
        |n| Api::namespaced(client.clone(), &n),
    );
    let (known, writer) = reflector::store();
    let controller = Controller::for_stream(watch_releases(releases, writer, ctx.clone()), known)
        .with_config(controller::Config::default().concurrency(UNBOUNDED))
        .reconcile_on(reasons)
        .graceful_shutdown_on(async move {
            // An error means that the sender is gone, which is a stop as well.
            stopped.wait_for(|stop| *stop).await.ok();
        });
    controller
        .run(reconcile, on_error, ctx)
        .for_each(|result| async {
            if let Err(error) = result {
                tracing::warn!(%error, "watch or queue");
            }
        })
        .await;
}

/// Each change of a release by someone else. What is gone is forgotten.
fn watch_releases(
    releases: Api<Watched>,
    writer: Writer<Watched>,
    ctx: Arc<Context>,
) -> impl Stream<Item = watcher::Result<Watched>> + Send {
    let forgetting = ctx.clone();
    watcher(releases, watcher::Config::default())
        .backoff(watch_backoff())
        .modify(|release| release.managed_fields_mut().clear())
        .inspect_ok(move |event| {
            if let watcher::Event::Delete(release) = event {
                forgetting.memory.forget(&release.uid().unwrap_or_default());
            }
        })
        .reflect(writer)
        .applied_objects()
        .try_filter(move |release| ready(!ctx.memory.is_own(release)))
}
