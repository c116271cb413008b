use std::sync::Arc;

use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use tokio::sync::watch;

use crate::ask::Http;
use crate::cache::{Cache, Caches};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::shelf::Release;
use crate::wake::Waker;

/// What every reconcile shares.
pub struct Context {
    pub client: Client,
    pub caches: Caches,
    pub memory: Memory,
    pub http: Http,
    pub waker: Waker,
    pub metrics: Arc<Metrics>,
    /// This replica's name, for Events.
    pub instance: String,
    /// Whether an admission policy checks who approves.
    pub approvers_verified: bool,
    /// Whether this replica still leads.
    pub leading: watch::Receiver<bool>,
}

/// One release, and all that is needed to look at it and to change it.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub ctx: &'a Arc<Context>,
    pub cache: &'a Cache,
    pub of: &'a Release,
}

impl<'a> Scope<'a> {
    pub fn namespace(&self) -> &'a str {
        self.of.namespace.as_deref().unwrap_or_default()
    }

    /// Objects of one kind where the release is.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.ctx.client.clone(), self.namespace())
    }
}
