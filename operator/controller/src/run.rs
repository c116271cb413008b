//! Joins everything: web server from the start, then the lease, then the work on releases.

use std::sync::Arc;

use futures::future::ready;
use futures::stream::{BoxStream, select_all};
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use kube::Api;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Config;
use kube::runtime::{WatchStreamExt, reflector};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::ask::Http;
use crate::cache::Caches;
use crate::client::{connect, within};
use crate::context::Context;
use crate::leader::{Election, Lost};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::queue::serve;
use crate::reconcile::reconcile;
use crate::settings::Settings;
use crate::shelf::{Release, Watched};
use crate::shown::{Present, Shown};
use crate::term::Term;
use crate::wake::Waker;
use crate::watching::watched;
use crate::web;

/// Releases that are worked on at the same time.
const TURNS: usize = 8;

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
    /// The address of the web server is taken.
    #[error("web server on {0}: {1}")]
    Web(std::net::SocketAddr, #[source] std::io::Error),
    /// Signals cannot be awaited.
    #[error("signals: {0}")]
    Signal(#[source] std::io::Error),
    /// A bug of ours: who leads without working would keep every other replica from it.
    #[error("the work on releases ended: please report this with the log lines before it")]
    Work,
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
    let (waker, woken) = Waker::open();
    let mut caches = Caches::default();
    let mut reasons = vec![woken.boxed()];
    for namespace in settings.namespaces() {
        reasons.push(caches.open(&client, namespace).boxed());
    }
    let ctx = Arc::new(Context {
        client: client.clone(),
        caches,
        memory: Memory::default(),
        http: Http::new()?,
        waker,
        metrics: Arc::new(Metrics::new()),
        instance: settings.pod_name.clone(),
        approvers_verified: settings.approvers_verified,
        leading,
    });
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signal)?;
    let listener = TcpListener::bind(settings.listen).await;
    let listener = listener.map_err(|error| RunError::Web(settings.listen, error))?;
    let election = Election::new(
        client,
        &settings.pod_namespace,
        &settings.lease_name,
        &settings.pod_name,
    );
    let (stop, stopped) = watch::channel(false);
    let work = control(settings.namespaces(), reasons, ctx.clone(), stopped);
    let term = Term {
        ctx: ctx.clone(),
        election,
        lead,
        stop,
    };
    let terminate = terminate.recv().map(drop);
    tokio::select! {
        never = web::serve(listener, ctx) => match never {},
        ended = term.serve(work, terminate) => ended,
    }
}

/// Works on releases: each change of one, of a child, or of what is known is a reason to look.
async fn control(
    namespaces: Vec<Option<String>>,
    mut reasons: Vec<BoxStream<'static, Release>>,
    ctx: Arc<Context>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut known = Vec::new();
    for namespace in namespaces {
        let releases = within(&ctx.client, namespace.as_deref());
        let (store, writer) = reflector::store();
        reasons.push(watch_releases(releases, writer, ctx.clone()).boxed());
        known.push(store);
    }
    let work = |of: Release| {
        let release = known.iter().find_map(|store| store.get(&of));
        let ctx = ctx.clone();
        async move { reconcile(release?, ctx).await }
    };
    // An error means that the sender is gone, which is a stop as well.
    let stop = async { drop(stopped.wait_for(|stop| *stop).await) };
    serve(select_all(reasons), TURNS, stop, work).await;
}

/// Each change of a release by someone else. What is gone is forgotten.
fn watch_releases(
    releases: Api<Shown>,
    writer: Writer<Watched>,
    ctx: Arc<Context>,
) -> impl Stream<Item = Release> + Send {
    let remembering = ctx.clone();
    let mut present = Present::default();
    watched(releases, Config::default())
        .map_ok(move |event| present.remember(event, &remembering.memory))
        .reflect(writer)
        .applied_objects()
        .filter_map(move |release| {
            let news = release.inspect_err(|error| tracing::warn!(%error, "watch of releases"));
            let news = news.ok().filter(|release| !ctx.memory.is_own(release));
            ready(news.map(|release| Release::from_obj(&release)))
        })
}
