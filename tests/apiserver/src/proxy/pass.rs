//! What becomes of a request in the proxy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures::{FutureExt, StreamExt};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, header};
use kube::Client;
use kube::client::Body;
use tokio::sync::watch;
use tokio::time::Instant;

use super::answers::{call, gone, is_flip, is_list_of_all, is_one_of, is_scale, is_watch, refusal};
use super::plan::{Held, Hold, Plan, Spoil, Watches};
use super::{Answer, Calls};

/// News of a watch that wait at once.
const KEPT: usize = 1000;

/// What all connections share.
#[derive(Clone)]
pub struct Shared {
    pub upstream: Client,
    pub plan: Arc<Mutex<Plan>>,
    pub calls: Arc<Mutex<Calls>>,
    /// Whether a crash has happened: nothing passes any more.
    pub crashed: watch::Sender<bool>,
    /// Whether nothing is watched.
    pub cut: watch::Sender<bool>,
    pub held: watch::Sender<Held>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.plan.fmt(f)
    }
}

impl Shared {
    pub fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn pass(&self, request: Request<Incoming>) -> Result<Answer> {
        if *self.crashed.borrow() {
            return self.crash().await;
        }
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, body.collect().await?.to_bytes());
        if self.is_cut_from(&request) {
            return Ok(if is_watch(&request) {
                gone()
            } else {
                refusal(503)
            });
        }
        self.count(&request);
        match self.fault_of(&request) {
            Some(Spoil::CrashBefore) => self.crash().await,
            Some(Spoil::CrashAfter) => {
                // Whatever the answer: nobody hears it.
                self.send(request).await.ok();
                self.crash().await
            }
            Some(Spoil::LoseAnswer) => {
                self.send(request).await?;
                anyhow::bail!("the answer is lost")
            }
            Some(Spoil::Silence) => std::future::pending().await,
            Some(Spoil::Refuse(code)) => Ok(refusal(code)),
            None if is_watch(&request) => self.watch(request).await,
            None if self.is_forbidden(&request) => Ok(refusal(403)),
            None if self.holds(&request) => self.hold(request).await,
            None => {
                let delay = self.delay_of(&request);
                tokio::time::sleep(delay).await;
                self.send(request).await
            }
        }
    }

    /// A list of releases passes, so that who is missing in it is known by it alone.
    fn is_cut_from(&self, request: &Request<Bytes>) -> bool {
        let is_of_releases = request.uri().path().contains("/exchangereleases");
        let is_list_of_children = is_list_of_all(request) && !is_of_releases;
        *self.cut.borrow() && (is_watch(request) || is_list_of_children)
    }

    /// How late it arrives. After a list of all, a watch begins from what that showed.
    fn delay_of(&self, request: &Request<Bytes>) -> Duration {
        let mut plan = self.plan();
        if is_list_of_all(request) {
            plan.gone.remove(request.uri().path());
        }
        plan.delay
    }

    fn lateness_of(&self, watch: &str) -> Duration {
        let mut plan = self.plan();
        let late = plan.late.filter(|(path, _)| watch.ends_with(path));
        plan.spoiled += usize::from(late.is_some());
        late.map(|(_, delay)| delay).unwrap_or_default()
    }

    fn count(&self, request: &Request<Bytes>) {
        if let Some(call) = call(request) {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            *calls.entry(call).or_default() += 1;
        }
    }

    fn holds(&self, request: &Request<Bytes>) -> bool {
        match self.plan().holds {
            Some(Hold::Flips) => is_flip(request),
            Some(Hold::Deletes) => request.method() == Method::DELETE,
            Some(Hold::Scales) => is_scale(request),
            None => false,
        }
    }

    fn is_forbidden(&self, request: &Request<Bytes>) -> bool {
        let mut plan = self.plan();
        let is_so = |(method, end): &(Method, &str)| {
            request.method() == method && request.uri().path().ends_with(end)
        };
        let is_forbidden = plan.forbidden.as_ref().is_some_and(is_so);
        plan.spoiled += usize::from(is_forbidden);
        is_forbidden
    }

    /// Whether this is the request to be spoiled.
    fn fault_of(&self, request: &Request<Bytes>) -> Option<Spoil> {
        let mut plan = self.plan();
        let (requests, number, how) = plan.fault?;
        if !is_one_of(requests, request) {
            return None;
        }
        plan.counted += 1;
        let spoil = (plan.counted == number).then_some(how);
        plan.spoiled += usize::from(spoil.is_some());
        spoil
    }

    async fn crash(&self) -> Result<Answer> {
        self.crashed.send_replace(true);
        std::future::pending().await
    }

    /// In a task of its own: it arrives even if who sent it has gone meanwhile.
    async fn hold(&self, request: Request<Bytes>) -> Result<Answer> {
        let shared = self.clone();
        let late = tokio::spawn(async move {
            shared.held.send_modify(|held| held.waiting += 1);
            let mut held = shared.held.subscribe();
            let path = request.uri().path().to_owned();
            held.wait_for(|held| held.let_go.lets(&path)).await.ok();
            let answer = shared.send(request).await;
            let code = answer.as_ref().map_or(0, |a| a.status().as_u16());
            shared.held.send_modify(|held| held.answers.push(code));
            answer
        });
        late.await?
    }

    async fn send(&self, mut request: Request<Bytes>) -> Result<Answer> {
        request.headers_mut().remove(header::HOST);
        let answer = self.upstream.send(request.map(Body::from)).await?;
        Ok(answer.map(BodyExt::boxed_unsync))
    }

    async fn watch(&self, request: Request<Bytes>) -> Result<Answer> {
        let path = request.uri().path().to_owned();
        let how = {
            let mut plan = self.plan();
            if plan.gone.contains(&path) {
                return Ok(refusal(410));
            }
            plan.started += 1;
            let how = plan.watches.filter(|_| plan.started % 2 == 1);
            plan.spoiled += usize::from(how.is_some());
            how
        };
        let news = |news: Answer| news.map(BodyStream::new);
        match how {
            None => {
                let mut cut = self.cut.subscribe();
                let end = async move { drop(cut.wait_for(|cut| *cut).await) };
                let news = news(self.send(request).await?);
                let shared = self.clone();
                Ok(news.map(|news| {
                    let news = news.map(move |piece| {
                        let due = Instant::now() + shared.lateness_of(&path);
                        tokio::time::sleep_until(due).map(|()| piece)
                    });
                    // Each waits from when it came, whatever waits before it.
                    let news = news.buffered(KEPT).take_until(end);
                    StreamBody::new(news).boxed_unsync()
                }))
            }
            Some(Watches::Gone) => {
                self.plan().gone.insert(path);
                Ok(refusal(410))
            }
            Some(Watches::GoneEvent) => Ok(gone()),
            Some(Watches::End) => {
                let news = news(self.send(request).await?);
                Ok(news.map(|news| StreamBody::new(news.take(1)).boxed_unsync()))
            }
        }
    }
}
