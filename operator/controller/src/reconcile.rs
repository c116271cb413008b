//! The loop: observe, ask the engine, carry out, look again.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use changeover_crds::ExchangeRelease;
use changeover_engine::{Decision, Failure, Observation, Request, Step, decide};
use futures::FutureExt;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use thiserror::Error;

use crate::act;
use crate::ask;
use crate::client::CallError;
use crate::context::Context;
use crate::memory::{BEHIND, Cached};
use crate::observe;
use crate::tell;

/// Steps in one go; a release takes about twenty, so more means something undoes our work.
const STEPS: usize = 100;
/// Pause when something is wrong: an error, or nothing changed although something should have.
const PAUSE: Duration = Duration::from_secs(2);
/// Pause after a first refusal: some pass in a moment.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// Look again at least this often, should a watch have missed something.
const RESYNC: Duration = Duration::from_secs(60);

/// Why a reconcile ended early. It is tried again.
#[derive(Debug, Error)]
pub enum Error {
    /// The API server.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A bug of ours.
    #[error("the reconcile of {0} panicked: please report this with the log lines before it")]
    Panic(String),
}

/// Drives one release until it has to wait. A panic inside must not end the stream of all releases.
pub async fn reconcile(release: Arc<ExchangeRelease>, ctx: Arc<Context>) -> Result<Action, Error> {
    let started = Instant::now();
    let name = release.name_any();
    let driven = AssertUnwindSafe(drive(&release, &ctx)).catch_unwind().await;
    ctx.metrics.reconciled(started.elapsed());
    driven.unwrap_or(Err(Error::Panic(name)))
}

/// What to do about an error: wait a little.
pub fn on_error(release: Arc<ExchangeRelease>, error: &Error, _: Arc<Context>) -> Action {
    let (name, namespace) = (release.name_any(), release.namespace());
    tracing::warn!(name, namespace, %error, "reconcile ended early; tried again in {PAUSE:?}");
    Action::requeue(PAUSE)
}

async fn drive(release: &ExchangeRelease, ctx: &Arc<Context>) -> Result<Action, Error> {
    let (namespace, name) = (release.namespace().unwrap_or_default(), release.name_any());
    let uid = release.uid().unwrap_or_default();
    let mut view = View::Cached;
    for _ in 0..STEPS {
        if !*ctx.leading.borrow() {
            return Ok(Action::await_change());
        }
        let mut seen = match look(ctx, release, &mut view).await? {
            Looked::Seen(seen) => *seen,
            // The watch that shows our write is a reason to look.
            Looked::Behind => return Ok(Action::requeue(BEHIND)),
            Looked::Gone => {
                ctx.memory.forget(&uid);
                return Ok(Action::await_change());
            }
        };
        if seen.release.metadata.deletion_timestamp.is_some() {
            ctx.memory.hush(Some(&uid));
        }
        let now = Timestamp::now();
        let decision = ask_and_decide(ctx, &mut seen, now);
        if decision.needs_live && view == View::Cached {
            view = View::Live;
            continue;
        }
        let pause = match &decision.step {
            Step::Status(status) => {
                let written = act::write_status(ctx, &seen.release, status).await;
                if let Err(error) = written {
                    // A conflict: someone changed the release. Look again.
                    ctx.metrics.refused("status", error.reason());
                    if !matches!(error.code(), 409 | 422) {
                        return Err(error.into());
                    }
                    Some(Duration::from_millis(100))
                } else {
                    ctx.memory.note(&uid, |notes| notes.phase = status.phase);
                    tell::figures(ctx, seen.release.status.as_ref(), status);
                    tell::events(ctx, &seen.release, &decision.notices);
                    None
                }
            }
            Step::Requests(requests) => carry_out(ctx, &seen, requests).await,
            Step::Ask(_) => Some(PAUSE),
            Step::Wait(until) => Some(until.map_or(RESYNC, |at| remaining(now, at))),
        };
        if let Some(pause) = pause {
            return Ok(Action::requeue(pause.min(RESYNC)));
        }
    }
    tracing::warn!(name, namespace, "{STEPS} steps without coming to rest");
    Ok(Action::requeue(PAUSE))
}

/// Asks what is to be asked, and decides what else there is to do: asking changes nothing in the cluster,
/// so what was observed still holds.
fn ask_and_decide(ctx: &Arc<Context>, seen: &mut Observation, now: Timestamp) -> Decision {
    loop {
        let decision = decide(seen, now);
        match &decision.step {
            Step::Ask(questions) if ask::start(ctx, seen, questions) => ctx.memory.recall(seen),
            _ => return decision,
        }
    }
}

/// Where the children are read. Once live, a pass stays so: what follows mostly needs it as well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Cached,
    Live,
}

enum Looked {
    Seen(Box<Observation>),
    /// The cache does not show our own last write yet.
    Behind,
    Gone,
}

async fn look(ctx: &Context, release: &ExchangeRelease, view: &mut View) -> Result<Looked, Error> {
    let (namespace, name) = (release.namespace().unwrap_or_default(), release.name_any());
    let uid = release.uid().unwrap_or_default();
    let cache = ctx.caches.of(&namespace).filter(|_| *view == View::Cached);
    let usable = cache.map(|c| (c, ctx.memory.cached(&uid, |w| c.shows(&namespace, w))));
    let children = match usable {
        Some((_, Cached::Behind)) => return Ok(Looked::Behind),
        Some((cache, Cached::Usable)) => cache.children(&namespace, &name),
        _ => None,
    };
    let seen = match children {
        Some(children) => observe::cached(ctx, &namespace, &name, children).await?,
        None => {
            *view = View::Live;
            observe::live(ctx, &namespace, &name).await?
        }
    };
    Ok(seen.map_or(Looked::Gone, |seen| Looked::Seen(Box::new(seen))))
}

async fn carry_out(ctx: &Context, seen: &Observation, requests: &[Request]) -> Option<Duration> {
    let namespace = seen.release.namespace().unwrap_or_default();
    let outcome = act::carry_out(ctx, &namespace, requests).await;
    let refused = outcome.failures.into_iter();
    let failures: Vec<Failure> = refused.map(|f| f.after(&seen.failures)).collect();
    let pause = pause_after(&failures).or((!outcome.progress).then_some(PAUSE));
    ctx.memory
        .note(&seen.release.uid().unwrap_or_default(), |notes| {
            notes.failures = failures;
            notes.wrote(outcome.written);
            for (service, epoch, at) in outcome.flipped {
                notes.flipped(service, epoch, at);
            }
        });
    pause
}

/// As long as the oldest refusal has lasted, so that pauses double.
fn pause_after(failures: &[Failure]) -> Option<Duration> {
    let lasted = |f: &Failure| Duration::try_from(f.last.duration_since(f.since));
    let oldest = failures.iter().map(|f| lasted(f).unwrap_or_default()).max();
    oldest.map(|age| age.clamp(SHORT_PAUSE, PAUSE))
}

/// At least a few milliseconds, so that a deadline is over when we look again.
fn remaining(now: Timestamp, until: Timestamp) -> Duration {
    let left = until.duration_since(now);
    Duration::try_from(left).unwrap_or_default() + Duration::from_millis(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_after_a_refusal_double_up_to_two_seconds() {
        let since = Timestamp::UNIX_EPOCH;
        let pause = |millis| {
            let last = since + Duration::from_millis(millis);
            let failure = Failure {
                request: "create Service exchange-user".to_owned(),
                name: "exchange-user".to_owned(),
                code: 422,
                message: String::new(),
                since,
                last,
            };
            pause_after(&[failure])
        };
        assert_eq!(pause_after(&[]), None);
        for (lasted, expected) in [(0, 100), (150, 150), (900, 900), (30_000, 2000)] {
            assert_eq!(pause(lasted), Some(Duration::from_millis(expected)));
        }
    }
}
