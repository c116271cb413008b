//! What watches have shown of the children so far. It may be behind, even behind our own last write: the
//! engine says which decisions may rest on it. `docs/decisions/0001-live-reads.md` has the reasons.

use std::collections::HashMap;

use changeover_crds::{ExchangeRelease, names};
use changeover_engine::Kind;
use futures::stream::{BoxStream, select_all};
use futures::{FutureExt, Stream, StreamExt};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::NamespaceResourceScope;
use kube::runtime::reflector::{ObjectRef, Store, store as new_store};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::client::watch_backoff;
use crate::observe::Children;

type Release = ObjectRef<ExchangeRelease>;

/// A write of ours that a watch is to show before the cache can be used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub kind: Kind,
    pub name: String,
    pub uid: String,
    /// The `resourceVersion` that it got; none if it was deleted.
    pub version: Option<String>,
}

/// The children of all releases in one watched namespace, or in all.
pub struct Cache {
    deployments: Store<Deployment>,
    services: Store<Service>,
    config_maps: Store<ConfigMap>,
    budgets: Store<PodDisruptionBudget>,
    revisions: Store<ControllerRevision>,
    pods: Store<Pod>,
    slices: Store<EndpointSlice>,
}

/// The caches, by watched namespace.
#[derive(Default)]
pub struct Caches(HashMap<Option<String>, Cache>);

impl Caches {
    /// Opens a namespace's cache. It is filled, and each change of a child told as its release, as the
    /// stream is read.
    pub fn open(
        &mut self,
        client: &Client,
        namespace: Option<String>,
    ) -> impl Stream<Item = Release> + Send + use<> {
        let mut changes = Vec::new();
        let of = namespace.as_deref();
        let cache = Cache {
            deployments: store(client, of, &mut changes),
            services: store(client, of, &mut changes),
            config_maps: store(client, of, &mut changes),
            budgets: store(client, of, &mut changes),
            revisions: store(client, of, &mut changes),
            pods: store(client, of, &mut changes),
            slices: store(client, of, &mut changes),
        };
        self.0.insert(namespace, cache);
        select_all(changes)
    }

    /// The cache that a namespace's releases are in.
    pub fn of(&self, namespace: &str) -> Option<&Cache> {
        let own = self.0.get(&Some(namespace.to_owned()));
        own.or_else(|| self.0.get(&None))
    }
}

impl Cache {
    /// A release's children; none before every watch has shown what there is.
    pub fn children(&self, namespace: &str, name: &str) -> Option<Children> {
        Some(Children {
            deployments: all(&self.deployments, namespace, name)?,
            services: all(&self.services, namespace, name)?,
            config_maps: all(&self.config_maps, namespace, name)?,
            budgets: all(&self.budgets, namespace, name)?,
            revisions: all(&self.revisions, namespace, name)?,
            pods: all(&self.pods, namespace, name)?,
            slices: all(&self.slices, namespace, name)?,
        })
    }

    /// Whether the watches have come as far as this write.
    pub fn shows(&self, namespace: &str, written: &Written) -> bool {
        match written.kind {
            Kind::Deployment => shown(&self.deployments, namespace, written),
            Kind::Service => shown(&self.services, namespace, written),
            Kind::ConfigMap => shown(&self.config_maps, namespace, written),
            Kind::PodDisruptionBudget => shown(&self.budgets, namespace, written),
            Kind::ControllerRevision => shown(&self.revisions, namespace, written),
        }
    }
}

/// What a kind must be to be watched.
trait Watched:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + std::fmt::Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Watched for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

fn store<K: Watched>(
    client: &Client,
    namespace: Option<&str>,
    changes: &mut Vec<BoxStream<'static, Release>>,
) -> Store<K> {
    let api: Api<K> = namespace.map_or_else(
        || Api::all(client.clone()),
        |n| Api::namespaced(client.clone(), n),
    );
    let (reader, writer) = new_store();
    let labelled = watcher::Config::default().labels(names::RELEASE);
    let objects = watcher(api, labelled)
        .backoff(watch_backoff())
        .modify(|object| object.managed_fields_mut().clear());
    let touched = reflector(writer, objects).touched_objects();
    let releases = touched.filter_map(async |change| match change {
        Ok(object) => release_of(&object),
        Err(error) => {
            tracing::warn!(kind = %K::kind(&()), %error, "watch");
            None
        }
    });
    changes.push(releases.boxed());
    reader
}

fn release_of<K: Resource>(object: &K) -> Option<Release> {
    let name = object.labels().get(names::RELEASE)?;
    Some(ObjectRef::new(name).within(object.meta().namespace.as_deref()?))
}

fn all<K: Watched>(store: &Store<K>, namespace: &str, name: &str) -> Option<Vec<K>> {
    store.wait_until_ready().now_or_never()?.ok()?;
    let is_ours = |object: &K| {
        object.meta().namespace.as_deref() == Some(namespace)
            && object
                .labels()
                .get(names::RELEASE)
                .is_some_and(|of| of == name)
    };
    let objects = store.state_filter(is_ours);
    Some(objects.iter().map(|object| (**object).clone()).collect())
}

/// Versions are numbers that grow with each write of a kind.
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>
fn shown<K: Watched>(store: &Store<K>, namespace: &str, written: &Written) -> bool {
    let object = store.get(&ObjectRef::new(&written.name).within(namespace));
    let Some(version) = &written.version else {
        return object.is_none_or(|object| {
            object.meta().deletion_timestamp.is_some()
                || object.meta().uid.as_deref() != Some(written.uid.as_str())
        });
    };
    object.is_some_and(|object| {
        let number = |version: &str| version.parse::<u128>().ok();
        let seen = object.resource_version().as_deref().and_then(number);
        seen.zip(number(version))
            .is_some_and(|(seen, version)| seen >= version)
    })
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::{from_value, json};

    use super::*;

    fn service(uid: &str, version: &str) -> Service {
        from_value(json!({"metadata": {
            "name": "exchange-user", "namespace": "n", "uid": uid, "resourceVersion": version,
            "labels": {names::RELEASE: "exchange"},
        }}))
        .unwrap()
    }

    fn written(version: Option<&str>) -> Written {
        Written {
            kind: Kind::Service,
            name: "exchange-user".to_owned(),
            uid: "old".to_owned(),
            version: version.map(str::to_owned),
        }
    }

    #[test]
    fn a_write_is_shown_by_its_own_version_or_a_later_one() {
        let (store, mut writer) = new_store();
        assert!(!shown(&store, "n", &written(Some("9"))));
        for (version, is_shown) in [("8", false), ("9", true), ("10", true)] {
            writer.apply_watcher_event(&Event::Apply(service("old", version)));
            assert_eq!(
                shown(&store, "n", &written(Some("9"))),
                is_shown,
                "{version}"
            );
        }
    }

    #[test]
    fn a_deletion_is_shown_by_absence_or_by_a_successor() {
        let (store, mut writer) = new_store();
        assert!(shown(&store, "n", &written(None)));
        writer.apply_watcher_event(&Event::Apply(service("old", "8")));
        assert!(!shown(&store, "n", &written(None)));
        writer.apply_watcher_event(&Event::Apply(service("new", "9")));
        assert!(shown(&store, "n", &written(None)));
    }

    #[test]
    fn children_are_known_once_the_watch_has_shown_all_there_is() {
        let (store, mut writer) = new_store();
        writer.apply_watcher_event(&Event::Init);
        writer.apply_watcher_event(&Event::InitApply(service("old", "8")));
        assert!(all(&store, "n", "exchange").is_none());
        writer.apply_watcher_event(&Event::InitDone);
        assert_eq!(all(&store, "n", "exchange").map(|all| all.len()), Some(1));
        assert_eq!(all(&store, "n", "another").map(|all| all.len()), Some(0));
        assert_eq!(all(&store, "m", "exchange").map(|all| all.len()), Some(0));
    }
}
