use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;

use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::probe::Prober;

/// What every reconcile shares.
pub struct Context {
    pub client: Client,
    pub memory: Memory,
    pub prober: Prober,
    pub metrics: Arc<Metrics>,
    /// This replica's name, for Events.
    pub instance: String,
    /// Whether this replica still leads.
    pub leading: watch::Receiver<bool>,
}
