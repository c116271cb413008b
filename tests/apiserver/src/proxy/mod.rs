//! Stands between an operator and the API server, and spoils what passes as a test says.

mod answers;
mod plan;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use changeover_cluster::Cluster;
use futures::StreamExt;
use http_body_util::{BodyExt, BodyStream, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use answers::{is_flip, is_watch, is_write, refusal, status, whole};
use plan::{Held, Plan};
pub use plan::{Hold, Spoil, Watches};

type Answer = Response<UnsyncBoxBody<Bytes, kube::Error>>;

/// An address that an operator takes for the API server's.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Shared,
    accepting: AbortHandle,
}

#[derive(Clone)]
struct Shared {
    upstream: Client,
    plan: Arc<Mutex<Plan>>,
    /// Whether a crash has happened: nothing passes any more.
    crashed: watch::Sender<bool>,
    held: watch::Sender<Held>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.plan.fmt(f)
    }
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
            crashed: watch::Sender::new(false),
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

    /// From now on this write is spoiled, and everything else passes.
    pub fn spoil_write(&self, number: usize, how: Spoil) {
        self.set(Plan {
            fault: Some((number, how)),
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

    /// From now on everything but watches arrives late.
    pub fn delay(&self, delay: Duration) {
        self.set(Plan {
            delay,
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

    /// Lets those that wait arrive, and says with which status codes they were answered.
    pub async fn let_go(&self) -> Vec<u16> {
        self.shared.held.send_modify(|held| held.let_go = true);
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

    /// Whether the operator is to be killed: nothing passes any more.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        *self.shared.crashed.borrow()
    }

    /// Waits until the operator is to be killed.
    pub async fn crashed(&self) {
        // An error would mean that we are gone ourselves.
        let mut crashed = self.shared.crashed.subscribe();
        crashed.wait_for(|crashed| *crashed).await.ok();
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

impl Shared {
    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass(&self, request: Request<Incoming>) -> Result<Answer> {
        if *self.crashed.borrow() {
            return self.crash().await;
        }
        match self.fault_of(&request) {
            Some(Spoil::CrashBefore) => self.crash().await,
            Some(Spoil::CrashAfter) => {
                self.forward(request).await?;
                self.crash().await
            }
            Some(Spoil::LoseAnswer) => {
                self.forward(request).await?;
                anyhow::bail!("the answer is lost")
            }
            Some(Spoil::Refuse(code)) => Ok(refusal(code)),
            None if is_watch(&request) => self.watch(request).await,
            None if self.holds(&request) => self.hold(request).await,
            None => {
                let delay = self.plan().delay;
                tokio::time::sleep(delay).await;
                self.forward(request).await
            }
        }
    }

    fn holds(&self, request: &Request<Incoming>) -> bool {
        match self.plan().holds {
            Some(Hold::Flips) => is_flip(request),
            Some(Hold::Deletes) => request.method() == Method::DELETE,
            None => false,
        }
    }

    /// Whether this is the write to be spoiled.
    fn fault_of(&self, request: &Request<Incoming>) -> Option<Spoil> {
        let counts = is_write(request);
        let mut plan = self.plan();
        plan.writes += usize::from(counts);
        let (number, how) = plan.fault.filter(|_| counts)?;
        let spoil = (plan.writes == number).then_some(how);
        plan.spoiled += usize::from(spoil.is_some());
        spoil
    }

    async fn crash(&self) -> Result<Answer> {
        self.crashed.send_replace(true);
        std::future::pending().await
    }

    /// In a task of its own: it arrives even if who sent it has gone meanwhile.
    async fn hold(&self, request: Request<Incoming>) -> Result<Answer> {
        let shared = self.clone();
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let late = tokio::spawn(async move {
            shared.held.send_modify(|held| held.waiting += 1);
            let mut held = shared.held.subscribe();
            held.wait_for(|held| held.let_go).await.ok();
            let answer = shared.send(head, body).await?;
            let code = answer.status().as_u16();
            shared.held.send_modify(|held| held.answers.push(code));
            anyhow::Ok(answer)
        });
        late.await?
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Answer> {
        let (head, body) = request.into_parts();
        self.send(head, body.collect().await?.to_bytes()).await
    }

    async fn send(&self, mut head: Parts, body: Bytes) -> Result<Answer> {
        head.headers.remove(header::HOST);
        let body = Body::from(body);
        let answer = self.upstream.send(Request::from_parts(head, body)).await?;
        Ok(answer.map(BodyExt::boxed_unsync))
    }

    async fn watch(&self, request: Request<Incoming>) -> Result<Answer> {
        let how = {
            let mut plan = self.plan();
            plan.started += 1;
            let how = plan.watches.filter(|_| plan.started % 2 == 1);
            plan.spoiled += usize::from(how.is_some());
            how
        };
        match how {
            None => self.forward(request).await,
            Some(Watches::Gone) => Ok(refusal(410)),
            Some(Watches::GoneEvent) => {
                let event = json!({"type": "ERROR", "object": status(410)});
                Ok(Response::new(whole(format!("{event}\n"))))
            }
            Some(Watches::End) => {
                let answer = self.forward(request).await?;
                Ok(
                    answer
                        .map(|body| StreamBody::new(BodyStream::new(body).take(1)).boxed_unsync()),
                )
            }
        }
    }
}
