//! Stands between an operator and the API server, and spoils what passes as a test says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use changeover_cluster::Cluster;
use futures::StreamExt;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Incoming};
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

type Answer = Response<UnsyncBoxBody<Bytes, kube::Error>>;

/// What becomes of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    /// It does not arrive, and nothing after it does: the operator is to be killed.
    CrashBefore,
    /// It is carried out, and nothing after it is: the operator is to be killed.
    CrashAfter,
    /// It is carried out, and the connection breaks instead of an answer.
    LoseAnswer,
    /// It is refused with this status code.
    Refuse(u16),
}

/// What becomes of every second watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watches {
    /// It ends after its first piece of news.
    End,
    /// 410 Gone instead of a stream.
    Gone,
    /// A stream whose only event is an error with code 410.
    GoneEvent,
}

#[derive(Debug, Default)]
struct Plan {
    /// Writes that passed since the plan was made; those of leases and Events are not counted.
    writes: usize,
    /// The number of the write to spoil, from 1.
    fault: Option<(usize, Spoil)>,
    watches: Option<Watches>,
    started: usize,
    spoiled: usize,
}

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
        let listener = cluster.listen()?;
        listener.set_nonblocking(true)?;
        let shared = Shared {
            upstream: Client::try_from(config)?,
            plan: Arc::default(),
            crashed: watch::Sender::new(false),
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
            None => self.forward(request).await,
        }
    }

    /// Whether this is the write to be spoiled.
    fn fault_of(&self, request: &Request<Incoming>) -> Option<Spoil> {
        let path = request.uri().path();
        let counts = request.method() != Method::GET
            && !["/leases", "/events"]
                .iter()
                .any(|kind| path.contains(kind));
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

    async fn forward(&self, request: Request<Incoming>) -> Result<Answer> {
        let (mut head, body) = request.into_parts();
        head.headers.remove(header::HOST);
        let body = Body::from(body.collect().await?.to_bytes());
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

fn is_watch(request: &Request<Incoming>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "watch=true")
}

fn refusal(code: u16) -> Answer {
    let mut answer = Response::new(whole(status(code).to_string()));
    *answer.status_mut() = hyper::StatusCode::from_u16(code).unwrap_or_default();
    answer
}

/// As the API server says no.
fn status(code: u16) -> serde_json::Value {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "spoiled by a test", "reason": reason, "code": code,
    })
}

fn whole(text: String) -> UnsyncBoxBody<Bytes, kube::Error> {
    let never = |never: Infallible| match never {};
    Full::new(Bytes::from(text)).map_err(never).boxed_unsync()
}
