//! What is known of the children of all releases: watches fill it, looks at the API server and the answers to
//! our own writes go into it as well. It may be behind the API server, never behind ourselves: the engine says
//! which decisions may rest on it. `docs/decisions/0001-live-reads.md` has the reasons.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use changeover_crds::names;
use futures::stream::{BoxStream, iter, select_all};
use futures::{Stream, StreamExt};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher::Config;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use crate::client::within;
use crate::shelf::{Release, Shelf};
use crate::slim;
use crate::watching::watched;

/// The children of all releases in one watched namespace, or in all.
pub struct Cache {
    pub deployments: Shelf<Deployment>,
    pub services: Shelf<Service>,
    pub config_maps: Shelf<ConfigMap>,
    pub budgets: Shelf<PodDisruptionBudget>,
    pub revisions: Shelf<ControllerRevision>,
    pub pods: Shelf<Pod>,
    pub slices: Shelf<EndpointSlice>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            deployments: Shelf::new(slim::deployment),
            services: Shelf::new(slim::service),
            config_maps: Shelf::new(slim::plain),
            budgets: Shelf::new(slim::budget),
            revisions: Shelf::new(slim::revision),
            pods: Shelf::new(slim::pod),
            slices: Shelf::new(slim::slice),
        }
    }
}

/// A kind of children.
pub trait Kept:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + PartialEq
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Its shelf.
    fn shelf(cache: &Cache) -> &Shelf<Self>;
}

macro_rules! kept {
    ($($shelf:ident: $kind:ty),* $(,)?) => {
        $(impl Kept for $kind {
            fn shelf(cache: &Cache) -> &Shelf<Self> {
                &cache.$shelf
            }
        })*

        impl Cache {
            /// Whether every watch has shown what there is.
            pub fn is_filled(&self) -> bool {
                $(self.$shelf.is_filled())&&*
            }
        }

        /// Fills a cache as it is read; the releases of which there is news.
        fn watch(client: &Client, namespace: Option<&str>, cache: &Arc<Cache>) -> impl Stream<Item = Release> + Send + use<> {
            select_all([$(watch_kind::<$kind>(client, namespace, cache.clone())),*])
        }
    };
}

kept! {
    deployments: Deployment,
    services: Service,
    config_maps: ConfigMap,
    budgets: PodDisruptionBudget,
    revisions: ControllerRevision,
    pods: Pod,
    slices: EndpointSlice,
}

/// The caches, by watched namespace.
#[derive(Default)]
pub struct Caches(HashMap<Option<String>, Arc<Cache>>);

impl Caches {
    /// Opens a namespace's cache. It is filled, and each change of a child that is news told as its release,
    /// as the stream is read.
    pub fn open(
        &mut self,
        client: &Client,
        namespace: Option<String>,
    ) -> impl Stream<Item = Release> + Send + use<> {
        let cache = Arc::new(Cache::default());
        let news = watch(client, namespace.as_deref(), &cache);
        self.0.insert(namespace, cache);
        news
    }

    /// The cache that a namespace's releases are in.
    pub fn of(&self, namespace: &str) -> Option<&Cache> {
        let own = self.0.get(&Some(namespace.to_owned()));
        own.or_else(|| self.0.get(&None)).map(|cache| &**cache)
    }
}

fn watch_kind<K: Kept>(
    client: &Client,
    namespace: Option<&str>,
    cache: Arc<Cache>,
) -> BoxStream<'static, Release> {
    let labelled = Config::default().labels(names::RELEASE);
    let news = watched(within::<K>(client, namespace), labelled).map(move |event| match event {
        Ok(event) => K::shelf(&cache).hear(event),
        Err(error) => {
            tracing::warn!(kind = %K::kind(&()), %error, "watch");
            Vec::new()
        }
    });
    news.flat_map(iter).boxed()
}
