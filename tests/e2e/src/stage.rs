//! A namespace with PostgreSQL, an operator and an exchange.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result};
use changeover_cluster::Cluster;
use changeover_crds::names;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::diagnosis;
use crate::lab::Lab;
use crate::spec::{Spec, documents};

/// Name of the ExchangeRelease.
pub const RELEASE: &str = "exchange";
/// Its services, callee first.
pub const SERVICES: [&str; 3] = ["user", "trade", "notification"];

/// A namespace of its own. Dropping it removes all of it.
pub struct Stage<'a> {
    lab: &'a Lab,
    client: Client,
    namespace: String,
    password: String,
    keep: bool,
}

impl<'a> Stage<'a> {
    /// A namespace that enforces the restricted Pod Security Standard, with the Secret that holds the database's password: no database yet,
    /// and no operator.
    ///
    /// # Errors
    /// If the cluster refuses it.
    pub async fn empty(lab: &'a Lab, purpose: &str) -> Result<Self> {
        Self::named(lab, &format!("{purpose}-{}", random(2)?)).await
    }

    /// The same under exactly this name.
    ///
    /// # Errors
    /// If the cluster refuses it.
    pub async fn named(lab: &'a Lab, namespace: &str) -> Result<Self> {
        let stage = Self {
            lab,
            client: lab.client().await?,
            namespace: namespace.to_owned(),
            password: random(16)?,
            keep: false,
        };
        let restricted = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        lab.apply(
            "default",
            &[json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": namespace, "labels": restricted},
            })],
        )?;
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "exchange-db"},
            "stringData": {
                "POSTGRES_PASSWORD": stage.password,
                "DATABASE_URL": stage.database_url("postgres"),
            },
        });
        lab.apply(namespace, &[secret])?;
        Ok(stage)
    }

    /// A namespace with PostgreSQL and an operator, ready for a release.
    ///
    /// # Errors
    /// If one of them does not become ready.
    pub async fn ready(lab: &'a Lab, purpose: &str) -> Result<Self> {
        let stage = Self::empty(lab, purpose).await?;
        stage.start_database()?;
        stage.install_operator()?;
        stage.database_ready().await?;
        Ok(stage)
    }

    /// Leaves the namespace to people when this value is dropped.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.keep = true;
        self
    }

    /// Applies `docs/examples/postgres.yaml`, without its safety on a crash of the machine, which costs time.
    ///
    /// # Errors
    /// If the cluster refuses it.
    pub fn start_database(&self) -> Result<()> {
        let mut objects = documents("postgres.yaml")?;
        for object in &mut objects {
            let place = "/spec/template/spec/containers/0/env";
            if let Some(Value::Array(variables)) = object.pointer_mut(place) {
                variables.push(json!({"name": "POSTGRES_FSYNC", "value": "off"}));
            }
        }
        self.lab.apply(&self.namespace, &objects)
    }

    /// Applies a release as people do, with kubectl.
    ///
    /// # Errors
    /// If the API server refuses it; with its message.
    pub fn apply(&self, spec: &Spec) -> Result<()> {
        self.lab.apply(&self.namespace, &[spec.manifest().clone()])
    }

    /// The objects of a kind in this namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Pods of one colour.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub async fn pods(&self, colour: &str) -> Result<Vec<Pod>> {
        let selector = format!("changeover.dev/colour={colour}");
        let pods: Api<Pod> = self.api();
        Ok(pods
            .list(&ListParams::default().labels(&selector))
            .await?
            .items)
    }

    /// Pods of a service in one colour that nobody has asked to end, and the container of each.
    ///
    /// # Errors
    /// If one has none.
    pub async fn containers(&self, service: &str, colour: &str) -> Result<Vec<(String, String)>> {
        let pods = self.pods(colour).await?.into_iter();
        let of = |pod: &Pod| pod.labels().get(names::SERVICE).cloned();
        let container = |pod: Pod| {
            let statuses = pod.status.clone().and_then(|s| s.container_statuses);
            let id = statuses.into_iter().flatten().find_map(|c| c.container_id);
            Ok((pod.name_any(), id.context("no container")?))
        };
        pods.filter(|pod| of(pod).as_deref() == Some(service))
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .map(container)
            .collect()
    }

    /// Uids of the pods of one colour, sorted.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub async fn pod_uids(&self, colour: &str) -> Result<Vec<String>> {
        let mut uids: Vec<String> = self
            .pods(colour)
            .await?
            .iter()
            .filter_map(ResourceExt::uid)
            .collect();
        uids.sort();
        Ok(uids)
    }

    /// The live Service of a service.
    ///
    /// # Errors
    /// If there is none.
    pub async fn live_service(&self, service: &str) -> Result<Service> {
        Ok(self
            .api::<Service>()
            .get(&format!("{RELEASE}-{service}"))
            .await?)
    }

    /// The address of a Service, reachable in the cluster's network.
    ///
    /// # Errors
    /// If there is no such Service.
    pub async fn address(&self, service: &str) -> Result<String> {
        let service = self.api::<Service>().get(service).await?;
        service
            .spec
            .and_then(|spec| spec.cluster_ip)
            .context("a Service without an address")
    }

    /// What to connect to, at a host.
    #[must_use]
    pub fn database_url(&self, host: &str) -> String {
        format!("postgres://exchange:{}@{host}:5432/exchange", self.password)
    }

    /// What kubectl prints in this namespace.
    ///
    /// # Errors
    /// If it fails; with what it said.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let arguments = [&["--namespace", &self.namespace], arguments].concat();
        self.lab.run("kubectl", &arguments)
    }

    /// The lab it is in.
    #[must_use]
    pub fn lab(&self) -> &'a Lab {
        self.lab
    }

    /// The cluster it is in.
    #[must_use]
    pub fn cluster(&self) -> &'a Cluster {
        self.lab.cluster()
    }

    /// Its name.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Everything a person needs to see what is going on.
    #[must_use]
    pub fn diagnosis(&self) -> String {
        diagnosis::of(self.cluster(), &self.namespace)
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        // The pods would take their time to end, and the next test needs the processors.
        for arguments in [
            &["delete", "namespace", &self.namespace, "--wait=false"][..],
            &[
                "delete",
                "pods",
                "--all",
                "--namespace",
                &self.namespace,
                "--grace-period=0",
                "--force",
                "--wait=false",
            ],
        ] {
            let deleted = self
                .cluster()
                .on_machine("kubectl")
                .args(arguments)
                .output();
            if !deleted.is_ok_and(|output| output.status.success()) {
                crate::say(format!("namespace {} is left behind", self.namespace));
            }
        }
    }
}

/// Random bytes in hexadecimal.
fn random(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}
