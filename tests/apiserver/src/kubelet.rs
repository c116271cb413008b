//! What a kubelet and a scheduler would do for the pods of one namespace, when the test lets it.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::addresses::new_address;
use crate::environment::{answers, cluster, run};
use crate::sandbox::Sandbox;

/// A node that is silent for longer is taken for lost, and its pods for not ready.
const HEARTBEAT: Duration = Duration::from_secs(10);
#[derive(Clone, Copy, Debug)]
struct Gates {
    ready: bool,
    answers: bool,
}

/// The stand-in. It ends when it is dropped.
#[derive(Debug)]
pub struct Kubelet {
    /// Whether it has a node object of its own.
    pub(crate) has_node: bool,
    gates: watch::Sender<Gates>,
    task: JoinHandle<()>,
}

impl Kubelet {
    /// Registers a node named after the namespace and looks after the namespace's pods.
    pub(crate) async fn start(client: Client, namespace: &str, answers: PathBuf) -> Result<Self> {
        let worker = Worker::new(client, namespace, Some(namespace.to_owned()), answers);
        let node = serde_json::from_value(json!({"metadata": {"name": namespace}}))?;
        worker.nodes.create(&PostParams::default(), &node).await?;
        worker.beat().await?;
        Ok(Self::of(worker))
    }

    /// Only says what version a pod is, once kwok has given it an address.
    pub(crate) fn beside_kwok(client: Client, namespace: &str, answers: PathBuf) -> Self {
        Self::of(Worker::new(client, namespace, None, answers))
    }

    fn of(worker: Worker) -> Self {
        let has_node = worker.node.is_some();
        let (gates, seen) = watch::channel(Gates {
            ready: true,
            answers: true,
        });
        let task = tokio::spawn(worker.run(seen));
        Self {
            has_node,
            gates,
            task,
        }
    }

    /// From now on, whether new pods become ready.
    pub fn let_ready(&self, ready: bool) {
        self.gates.send_modify(|gates| gates.ready = ready);
    }

    /// From now on, whether new pods answer probes. Askers wait.
    pub fn let_answer(&self, answers: bool) {
        self.gates.send_modify(|gates| gates.answers = answers);
    }
}

impl Sandbox {
    /// From now on a Service's address answers as a pod of this version. Nobody else makes these addresses work here.
    ///
    /// # Errors
    /// When it has none, or none can be had for it.
    pub async fn answer_for(&self, service: &str, version: &str) -> Result<()> {
        let service: Service = self.api().get(service).await?;
        let address = service.spec.and_then(|spec| spec.cluster_ip);
        let address = address.context("no address")?;
        let cluster = cluster()?;
        let mut route = cluster.command("ip");
        route.args(["route", "replace", "local", &address, "dev", "lo"]);
        run(route, b"")?;
        std::fs::write(answers(cluster).join(address), version)?;
        Ok(())
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Worker {
    pods: Api<Pod>,
    nodes: Api<Node>,
    /// Its own; none where kwok has one.
    node: Option<String>,
    answers: PathBuf,
    /// By the pods' uids.
    addresses: HashMap<String, Ipv4Addr>,
}

impl Worker {
    fn new(client: Client, namespace: &str, node: Option<String>, answers: PathBuf) -> Self {
        Self {
            pods: Api::namespaced(client.clone(), namespace),
            nodes: Api::all(client),
            node,
            answers,
            addresses: HashMap::new(),
        }
    }

    async fn run(mut self, mut gates: watch::Receiver<Gates>) {
        let changes = watcher(self.pods.clone(), watcher::Config::default())
            .default_backoff()
            .applied_objects();
        pin_mut!(changes);
        let mut beats = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                Some(change) = changes.next() => {
                    if let Ok(pod) = change {
                        let now = *gates.borrow();
                        self.look_at(&pod, now).await;
                    }
                }
                Ok(()) = gates.changed() => {
                    let now = *gates.borrow_and_update();
                    for pod in self.pods.list(&ListParams::default()).await.into_iter().flatten() {
                        self.look_at(&pod, now).await;
                    }
                }
                _ = beats.tick() => { self.beat().await.ok(); }
            }
        }
    }

    /// Conflicts and pods that are gone are no trouble: the next event tells.
    async fn look_at(&mut self, pod: &Pod, gates: Gates) {
        if let Err(error) = self.advance(pod, gates).await
            && !matches!(&error, kube::Error::Api(status) if matches!(status.code, 404 | 409))
        {
            eprintln!("kubelet: pod {}: {error}", pod.name_any());
        }
    }

    async fn advance(&mut self, pod: &Pod, gates: Gates) -> kube::Result<()> {
        let Some(node) = self.node.clone() else {
            let address = pod
                .status
                .as_ref()
                .and_then(|status| status.pod_ip.as_ref());
            return address.map_or(Ok(()), |address| self.answer(address, tag(pod)));
        };
        let (name, uid) = (pod.name_any(), pod.uid().unwrap_or_default());
        if pod.metadata.deletion_timestamp.is_some() {
            let now = DeleteParams::default()
                .grace_period(0)
                .preconditions(Preconditions {
                    uid: Some(uid),
                    resource_version: None,
                });
            return self.pods.delete(&name, &now).await.map(drop);
        }
        if pod
            .spec
            .as_ref()
            .is_none_or(|spec| spec.node_name.is_none())
        {
            let binding = json!({
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": name},
                "target": {"kind": "Node", "name": node},
            });
            let params = PostParams::default();
            return self
                .pods
                .create_subresource::<_, Value>("binding", &name, &params, &binding)
                .await
                .map(drop);
        }
        let tag = tag(pod);
        let address = self.address(uid);
        if gates.answers {
            let version = if tag.ends_with("-broken") {
                "another"
            } else {
                tag
            };
            self.answer(&address.to_string(), version)?;
        }
        if gates.ready && !tag.ends_with("-unready") && !is_ready(pod) {
            let patch = Patch::Merge(json!({"status": ready(address)}));
            self.pods
                .patch_status(&name, &PatchParams::default(), &patch)
                .await?;
        }
        Ok(())
    }

    fn answer(&self, address: &str, version: &str) -> kube::Result<()> {
        std::fs::write(self.answers.join(address), version)
            .map_err(|error| kube::Error::Service(error.into()))
    }

    fn address(&mut self, uid: String) -> Ipv4Addr {
        *self.addresses.entry(uid).or_insert_with(|| {
            let address = new_address();
            // What an earlier pod of this address said counts no more.
            std::fs::remove_file(self.answers.join(address.to_string())).ok();
            address
        })
    }

    async fn beat(&self) -> kube::Result<()> {
        let Some(node) = &self.node else {
            return Ok(());
        };
        let now = jiff::Timestamp::now().to_string();
        let patch = json!({"status": {"conditions": [{
            "type": "Ready", "status": "True", "reason": "Test", "message": "",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }]}});
        self.nodes
            .patch_status(node, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .map(drop)
    }
}

/// What comes after the colon of the image's name.
fn tag(pod: &Pod) -> &str {
    let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    let image = container
        .and_then(|container| container.image.as_deref())
        .unwrap_or_default();
    image.rsplit_once(':').map_or("", |(_, tag)| tag)
}

pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|c| c.type_ == "Ready" && c.status == "True")
}

fn ready(address: Ipv4Addr) -> Value {
    let now = jiff::Timestamp::now().to_string();
    let condition =
        |type_: &str| json!({"type": type_, "status": "True", "lastTransitionTime": now});
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(condition);
    json!({
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": now,
        "conditions": conditions,
    })
}
