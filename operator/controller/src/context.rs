use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;

use crate::ask::Http;
use crate::cache::Caches;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::wake::Wakers;

/// What every reconcile shares.
pub struct Context {
    pub client: Client,
    pub caches: Caches,
    pub memory: Memory,
    pub http: Http,
    pub wakers: Wakers,
    pub metrics: Arc<Metrics>,
    /// This replica's name, for Events.
    pub instance: String,
    /// Whether an admission policy checks who approves.
    pub approvers_verified: bool,
    /// Whether this replica still leads.
    pub leading: watch::Receiver<bool>,
}
