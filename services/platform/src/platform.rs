//! What a running service has at hand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{PgConnection, PgPool};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::calls::Peer;
use crate::colour_role::{ColourRole, ColourRoles};
use crate::drain::DrainLease;
use crate::identity::Identity;
use crate::key_set::{KeySet, KeySource};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::traffic::Traffic;

/// What a running service has at hand. Cheap to clone.
#[derive(Clone)]
pub struct Platform(Arc<Parts>);

struct Parts {
    identity: Identity,
    hop: String,
    pool: PgPool,
    http: reqwest::Client,
    lifecycle: Arc<Lifecycle>,
    main: Handle,
    tasks: TaskTracker,
    stopping: CancellationToken,
    keys: Mutex<Vec<KeySet>>,
}

/// The part that exists before the database is reached: what the admin port shows.
pub(crate) struct Lifecycle {
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) drain: DrainLease,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Metrics,
    pub(crate) roles: ColourRoles,
    stopping: AtomicBool,
    asked_to_leave: Notify,
}

impl Lifecycle {
    pub(crate) fn new(identity: &Identity) -> Arc<Self> {
        let traffic = Traffic::new();
        Arc::new(Self {
            metrics: Metrics::new(identity, &traffic),
            traffic,
            drain: DrainLease::default(),
            readiness: Readiness::starting(),
            roles: ColourRoles::new(identity.colour),
            stopping: AtomicBool::new(false),
            asked_to_leave: Notify::new(),
        })
    }

    /// From now on answers ask clients to reconnect elsewhere. The process stays ready: when all pods
    /// of a colour end together, kube-proxy falls back to those that are terminating and still serve,
    /// and calls inside the colour depend on that.
    pub(crate) fn leave(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.asked_to_leave.notify_waiters();
    }

    /// Takes or renews the drain lease.
    pub(crate) fn take_drain(&self, epoch: u64, ttl: Duration) -> Result<(), Problem> {
        self.drain.take(epoch, ttl, Instant::now())?;
        self.asked_to_leave.notify_waiters();
        Ok(())
    }

    /// Returns once clients are asked to reconnect.
    async fn leaving(&self) {
        loop {
            // Made before the question, so that what is asked meanwhile is heard.
            let asked = self.asked_to_leave.notified();
            if self.closes_connections() {
                return;
            }
            asked.await;
        }
    }

    /// From now on nothing new is taken.
    pub(crate) fn stop(&self) {
        self.readiness.stopping();
    }

    /// Whether answers ask clients to reconnect.
    pub(crate) fn closes_connections(&self) -> bool {
        self.stopping.load(Ordering::Relaxed) || self.drain.holds(Instant::now())
    }
}

impl Platform {
    pub(crate) fn new(
        identity: Identity,
        pool: PgPool,
        lifecycle: Arc<Lifecycle>,
    ) -> Result<Self, reqwest::Error> {
        // Shorter than the 120 s that our servers keep idle connections, so that the client side
        // always closes first and no request meets a closing socket.
        let http = reqwest::Client::builder()
            .pool_idle_timeout(Duration::from_secs(60))
            .connect_timeout(Duration::from_secs(1))
            .timeout(Duration::from_secs(3))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self(Arc::new(Parts {
            hop: identity.hop(),
            identity,
            pool,
            http,
            lifecycle,
            main: Handle::current(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            keys: Mutex::default(),
        })))
    }

    /// Which service, version and colour this is.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The database.
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// Whether this colour is the live one, as it was some seconds ago at most.
    pub fn role(&self) -> ColourRole {
        self.0.lifecycle.roles.latest()
    }

    /// Whether this colour is the live one, and stays so until the transaction ends: for outward
    /// effects, which only the live colour may make.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn holds_live(&self, transaction: &mut PgConnection) -> Result<bool, sqlx::Error> {
        self.0.lifecycle.roles.hold(transaction).await
    }

    /// Whether what another colour left undone is for this one to finish: the live colour's task, or
    /// anyone's while none is live.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn takes_leftovers(&self, database: &mut PgConnection) -> Result<bool, sqlx::Error> {
        self.0.lifecycle.roles.no_other_is_live(database).await
    }

    /// Returns once clients are asked to reconnect: a long answer ends then.
    pub fn leaving(&self) -> impl Future<Output = ()> + Send + use<> {
        let lifecycle = Arc::clone(&self.0.lifecycle);
        async move { lifecycle.leaving().await }
    }

    /// Another service, at the address that a setting names.
    pub fn peer(&self, name: &'static str, url: &str) -> Peer {
        Peer::new(name, url, self.0.http.clone(), &self.0.hop)
    }

    /// Checks tokens against keys from `source`. The process is ready once it has them.
    pub fn keys(&self, source: impl KeySource) -> KeySet {
        let keys = KeySet::new(source);
        self.key_sets().push(keys.clone());
        keys
    }

    /// Returns once all keys were fetched. They come from another service of the own colour: a pod that
    /// cannot reach it, because its node does not know the Service yet, must not get clients either.
    pub(crate) async fn keys_fetched(&self) {
        let sets = self.key_sets().clone();
        for keys in sets {
            keys.fetched().await;
        }
    }

    fn key_sets(&self) -> MutexGuard<'_, Vec<KeySet>> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a task beside the requests. Once the last request was answered it is told to end through
    /// [`Platform::stopping`], and waited for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn_on(task, &self.0.main);
    }

    /// Cancelled when background tasks should end.
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    pub(crate) fn hop(&self) -> &str {
        &self.0.hop
    }

    pub(crate) fn lifecycle(&self) -> &Arc<Lifecycle> {
        &self.0.lifecycle
    }

    pub(crate) fn main(&self) -> Handle {
        self.0.main.clone()
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }
}
