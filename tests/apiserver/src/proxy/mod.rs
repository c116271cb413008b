//! Stands between an operator and the API server, and spoils what passes as a test says.

mod answers;
mod pass;
mod plan;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Result;
use changeover_cluster::Cluster;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response};
use hyper_util::rt::TokioIo;
use kube::Config;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use pass::Shared;
use plan::{Held, LetGo, Plan};
pub use plan::{Hold, Requests, Spoil, Watches};

type Answer = Response<UnsyncBoxBody<Bytes, kube::Error>>;

/// How often something was asked for, by verb and kind.
pub type Calls = BTreeMap<(&'static str, &'static str), u32>;

/// An address that an operator takes for the API server's.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Shared,
    accepting: AbortHandle,
}

impl Proxy {
    /// Listens in the cluster's network.
    ///
    /// # Errors
    /// When it cannot.
    pub(crate) async fn start(cluster: &Cluster) -> Result<Self> {
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig())?;
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        // Who asks is said by what is passed on.
        config.auth_info = AuthInfo::default();
        let listener = cluster.in_network(|| Ok(std::net::TcpListener::bind("127.0.0.1:0")?))?;
        listener.set_nonblocking(true)?;
        let shared = Shared {
            upstream: changeover_client::connect(config)?,
            plan: Arc::default(),
            calls: Arc::default(),
            crashed: watch::Sender::new(false),
            cut: watch::Sender::new(false),
            held: watch::Sender::default(),
        };
        Ok(Self {
            address: listener.local_addr()?,
            accepting: tokio::spawn(accept(listener.try_into()?, shared.clone())).abort_handle(),
            shared,
        })
    }

    /// Where operators find it.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on one of these requests is spoiled, the one of this number from 1, and everything else passes.
    pub fn spoil(&self, requests: Requests, number: usize, how: Spoil) {
        self.set(Plan {
            fault: Some((requests, number, how)),
            ..Plan::default()
        });
    }

    /// From now on every second watch is spoiled.
    pub fn spoil_watches(&self, how: Watches) {
        self.set(Plan {
            watches: Some(how),
            ..Plan::default()
        });
    }

    /// From now on, whether all watches are broken off: when they begin anew, only releases are listed, and none is
    /// watched.
    pub fn cut_watches(&self, cut: bool) {
        self.shared.cut.send_replace(cut);
    }

    /// From now on watches whose path ends so (all, where that is nothing) tell their news so much later, each in its
    /// order.
    pub fn delay_watches(&self, path: &'static str, delay: Duration) {
        self.set(Plan {
            late: Some((path, delay)),
            ..Plan::default()
        });
    }

    /// From now on everything but watches arrives late.
    pub fn delay(&self, delay: Duration) {
        self.set(Plan {
            delay,
            ..Plan::default()
        });
    }

    /// From now on this method is refused where the path ends so, as to who has no right to it, or by a policy.
    pub fn forbid(&self, method: Method, path: &'static str) {
        self.set(Plan {
            forbidden: Some((method, path)),
            ..Plan::default()
        });
    }

    /// From now on these wait in the proxy: sent, and not arrived.
    pub fn hold(&self, what: Hold) {
        self.shared.held.send_replace(Held::default());
        self.set(Plan {
            holds: Some(what),
            ..Plan::default()
        });
    }

    /// Waits until so many wait.
    pub async fn holding(&self, count: usize) {
        let mut held = self.shared.held.subscribe();
        held.wait_for(|held| held.waiting == count).await.ok();
    }

    /// Lets the one arrive that waits for this object, and says with which status code it was answered (0: by nobody).
    pub async fn let_one_go(&self, name: &str) -> Option<u16> {
        let before = self.shared.held.borrow().answers.len();
        let one = LetGo::Of(name.to_owned());
        self.shared.held.send_modify(|held| held.let_go = one);
        let mut held = self.shared.held.subscribe();
        let answered = held.wait_for(|held| held.answers.len() > before).await;
        answered.ok()?.answers.last().copied()
    }

    /// Lets those that wait arrive, and says with which status codes all were answered.
    pub async fn let_go(&self) -> Vec<u16> {
        let all = LetGo::All;
        self.shared.held.send_modify(|held| held.let_go = all);
        let mut held = self.shared.held.subscribe();
        let all = held.wait_for(|held| held.answers.len() == held.waiting);
        all.await
            .map(|held| held.answers.clone())
            .unwrap_or_default()
    }

    /// From now on everything passes. What was spoiled stays counted.
    pub fn pass_all(&self) {
        let spoiled = self.spoiled();
        self.set(Plan {
            spoiled,
            ..Plan::default()
        });
    }

    /// How often something was spoiled since the plan was made.
    #[must_use]
    pub fn spoiled(&self) -> usize {
        self.shared.plan().spoiled
    }

    /// Nothing more is spoiled; how often something was, be it in this moment.
    pub fn spoil_no_more(&self) -> usize {
        let mut plan = self.shared.plan();
        plan.fault = None;
        plan.spoiled
    }

    /// Waits until the operator is to be killed.
    pub async fn crashed(&self) {
        // An error would mean that we are gone ourselves.
        let mut crashed = self.shared.crashed.subscribe();
        crashed.wait_for(|crashed| *crashed).await.ok();
    }

    /// What was asked for so far, beside leases, Events and watches.
    #[must_use]
    pub fn calls(&self) -> Calls {
        let calls = &self.shared.calls;
        calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, plan: Plan) {
        *self.shared.plan() = plan;
        self.shared.crashed.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Shared) {
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(serve(connection, shared.clone()));
    }
}

async fn serve(connection: TcpStream, shared: Shared) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { shared.pass(request).await }
    });
    // An error is a broken connection: what it was spoiled for, or the operator's end.
    let connection = http1::Builder::new().serve_connection(TokioIo::new(connection), service);
    connection.await.ok();
}
