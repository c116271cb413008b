//! A namespace of a test's own: the operator's rights, a node, and pods that become Ready.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use changeover_crds::{ExchangeRelease, Phase};
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::Kubeconfig;
use kube::core::NamespaceResourceScope;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::environment::{POD_NETWORK, answers, cluster, logs, test_client};
use crate::kubelet::Kubelet;
use crate::operator::{Operator, grant};
use crate::proxy::Proxy;
use crate::release::{NAME, live_version};
use crate::state::phase_is;

/// How long a release may take on a busy machine with two cores.
pub(crate) const LIMIT: Duration = Duration::from_secs(45);

/// A namespace to release an exchange in.
pub struct Sandbox {
    /// An administrator's.
    pub client: Client,
    /// Its name.
    pub namespace: String,
    /// Decides about the pods.
    pub kubelet: Kubelet,
    pub(crate) logs: PathBuf,
}

impl Sandbox {
    /// Makes a namespace with everything but an operator.
    ///
    /// # Errors
    /// When the cluster refuses.
    pub async fn new() -> Result<Self> {
        Self::with(async |client, namespace| {
            Kubelet::start(client, namespace, answers(cluster()?)).await
        })
        .await
    }

    /// The same with a scheduler and kwok, which make every pod Ready. From then on they run in the cluster.
    ///
    /// # Errors
    /// When the cluster refuses, or one of them does not start.
    pub async fn on_kwok() -> Result<Self> {
        cluster()?.play_node(POD_NETWORK)?;
        Self::with(async |client, namespace| {
            Ok(Kubelet::beside_kwok(client, namespace, answers(cluster()?)))
        })
        .await
    }

    async fn with(kubelet: impl AsyncFnOnce(Client, &str) -> Result<Kubelet>) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("t{}-{number}", std::process::id());
        let client = test_client().await?;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}}))?;
        namespaces.create(&PostParams::default(), &object).await?;
        let logs = logs(cluster()?).join(&namespace);
        std::fs::create_dir_all(&logs)?;
        let kubernetes = client.apiserver_version().await?.git_version;
        grant(&namespace, &kubernetes, &logs.join("kubeconfig"))?;
        let kubelet = kubelet(client.clone(), &namespace).await?;
        Ok(Self {
            client,
            namespace,
            kubelet,
            logs,
        })
    }

    /// Starts an operator for this namespace, as a pod with this name.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn operator(&self, pod: &str) -> Result<Operator> {
        let log = self.logs.join(format!("{pod}.log"));
        Operator::start(&self.namespace, pod, &self.logs.join("kubeconfig"), &log)
    }

    /// A proxy in front of the API server.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn proxy(&self) -> Result<Proxy> {
        Proxy::start(cluster()?).await
    }

    /// Starts an operator that takes the proxy for the API server.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn operator_through(&self, proxy: &Proxy, pod: &str) -> Result<Operator> {
        let mut config = Kubeconfig::read_from(self.logs.join("kubeconfig"))?;
        for cluster in config
            .clusters
            .iter_mut()
            .filter_map(|c| c.cluster.as_mut())
        {
            cluster.server = Some(proxy.url());
            cluster.certificate_authority_data = None;
        }
        let kubeconfig = self.logs.join("kubeconfig-of-the-proxy");
        std::fs::write(&kubeconfig, serde_yaml_ng::to_string(&config)?)?;
        let log = self.logs.join(format!("{pod}.log"));
        Operator::start(&self.namespace, pod, &kubeconfig, &log)
    }

    /// Objects of one kind in this namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The release as it is.
    ///
    /// # Errors
    /// When there is none.
    pub async fn release(&self) -> Result<ExchangeRelease> {
        Ok(self.api().get(NAME).await?)
    }

    /// Applies a release, as `kubectl apply --server-side` does.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn apply(&self, release: &Value) -> Result<ExchangeRelease> {
        let params = PatchParams::apply("test").force();
        Ok(self
            .api()
            .patch(NAME, &params, &Patch::Apply(release))
            .await?)
    }

    /// Annotates the release, as people do.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn annotate(&self, name: &str, value: &str) -> Result<()> {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {name: value}}}));
        let releases = self.api::<ExchangeRelease>();
        releases
            .patch(NAME, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// Waits until the release is in this phase, and this version live in it (none: whichever).
    ///
    /// # Errors
    /// When it does not get there; with the status that it has instead.
    pub async fn await_phase(&self, phase: Phase, live: Option<&str>) -> Result<ExchangeRelease> {
        self.await_release(&format!("phase {phase:?} with {live:?} live"), |release| {
            phase_is(release, phase)
                && live.is_none_or(|version| live_version(release) == Some(version))
        })
        .await
    }

    /// Waits until the release fulfils a condition.
    ///
    /// # Errors
    /// When it does not in time; with the status that it has instead.
    pub async fn await_release(
        &self,
        what: &str,
        holds: impl Fn(&ExchangeRelease) -> bool,
    ) -> Result<ExchangeRelease> {
        self.await_object(NAME, what, holds).await
    }

    /// Waits until an object exists and fulfils a condition.
    ///
    /// # Errors
    /// When it does not in time; with what it is instead.
    pub async fn await_object<K>(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&K) -> bool,
    ) -> Result<K>
    where
        K: Resource<Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + Send
            + DeserializeOwned
            + 'static,
        K::DynamicType: Default,
    {
        let condition =
            await_condition(self.api::<K>(), name, |o: Option<&K>| o.is_some_and(&holds));
        match tokio::time::timeout(LIMIT, condition).await {
            Ok(object) => object?.context("gone again"),
            Err(_) => {
                let now = self.api::<K>().get_opt(name).await?;
                anyhow::bail!("waited {LIMIT:?} in vain for {what}; it is {now:#?}")
            }
        }
    }

    /// Waits until there is no object of this name.
    ///
    /// # Errors
    /// When it stays.
    pub async fn await_gone<K>(&self, name: &str) -> Result<()>
    where
        K: Resource<Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + Send
            + DeserializeOwned
            + 'static,
        K::DynamicType: Default,
    {
        let gone = await_condition(self.api::<K>(), name, |o: Option<&K>| o.is_none());
        tokio::time::timeout(LIMIT, gone)
            .await
            .with_context(|| format!("{name} stays"))??;
        Ok(())
    }

    /// Removes the namespace. It fails if an operator was refused a right, or panicked.
    ///
    /// # Errors
    /// With the line of the log that says so.
    pub async fn finish(self) -> Result<()> {
        self.finish_without(&["forbidden", "Forbidden", "panicked"])
            .await
    }

    /// As [`Sandbox::finish`], but for rights: an API server that has just started refuses everybody until it
    /// has read its roles.
    ///
    /// # Errors
    /// With the line of the log that says of a panic.
    pub async fn finish_after_outage(self) -> Result<()> {
        self.finish_without(&["panicked"]).await
    }

    /// Waits until the namespace, which was deleted under a running operator, is gone.
    ///
    /// # Errors
    /// When it stays, or an operator panicked.
    pub async fn end(self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let gone = await_condition(namespaces, &self.namespace, |n: Option<&Namespace>| {
            n.is_none()
        });
        tokio::time::timeout(LIMIT, gone)
            .await
            .context("the namespace stays")??;
        self.assert_unsaid(&["panicked"])
    }

    async fn finish_without(self, words: &[&str]) -> Result<()> {
        self.assert_unsaid(words)?;
        self.delete().await
    }

    fn assert_unsaid(&self, words: &[&str]) -> Result<()> {
        for entry in std::fs::read_dir(&self.logs)? {
            let path = entry?.path();
            let log = std::fs::read_to_string(&path)?;
            let says = |line: &&str| words.iter().any(|word| line.contains(word));
            let bad = log.lines().find(says);
            ensure!(
                bad.is_none(),
                "{}: {}",
                path.display(),
                bad.unwrap_or_default()
            );
        }
        Ok(())
    }

    /// Deletes the namespace.
    ///
    /// # Errors
    /// When the API server refuses that.
    pub async fn delete(&self) -> Result<()> {
        // Without its node, the pods need no kubelet to go.
        let (nodes, namespaces): (Api<Node>, Api<Namespace>) =
            (Api::all(self.client.clone()), Api::all(self.client.clone()));
        let now = DeleteParams::background();
        if self.kubelet.has_node {
            nodes.delete(&self.namespace, &now).await?;
        }
        namespaces.delete(&self.namespace, &now).await?;
        Ok(())
    }
}
