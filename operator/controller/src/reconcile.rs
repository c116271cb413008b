//! The loop: observe, ask the engine, carry out, look again.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use changeover_crds::ExchangeReleaseStatus;
use changeover_engine::{Decision, Failure, Notice, Observation, Reads, Request, Step, decide};
use futures::FutureExt;
use jiff::Timestamp;
use kube::ResourceExt;
use thiserror::Error;

use crate::act;
use crate::ask;
use crate::client::CallError;
use crate::context::{Context, Scope};
use crate::look::Look;
use crate::memory::Doubt;
use crate::metrics::STATUS;
use crate::shelf::{Release, Watched};
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
enum Error {
    /// The API server.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A bug of ours.
    #[error("the reconcile of {0} panicked: please report this with the log lines before it")]
    Panic(String),
}

/// Drives one release until it has to wait; how long, if not until something changes. A panic inside must not
/// end the work on all releases.
pub async fn reconcile(release: Arc<Watched>, ctx: Arc<Context>) -> Option<Duration> {
    let started = Instant::now();
    let (name, namespace) = (release.name_any(), release.namespace());
    let driven = AssertUnwindSafe(drive(&release, &ctx)).catch_unwind().await;
    ctx.metrics.reconciled(started.elapsed());
    driven
        .unwrap_or_else(|_| Err(Error::Panic(name.clone())))
        .unwrap_or_else(|error| {
            tracing::warn!(name, namespace, %error, "reconcile ended early; tried again in {PAUSE:?}");
            Some(PAUSE)
        })
}

async fn drive(release: &Watched, ctx: &Arc<Context>) -> Result<Option<Duration>, Error> {
    let of = Release::from_obj(release);
    let namespace = release.namespace().unwrap_or_default();
    let Some(cache) = ctx.caches.of(&namespace) else {
        return Ok(None);
    };
    let scope = Scope {
        ctx,
        cache,
        of: &of,
    };
    let mut look = Look::new(scope, release);
    let mut notices = Vec::new();
    let ended = go_on(&mut look, &mut notices).await;
    // Not before: a switch would share the API server with its own news.
    tell::events(ctx, release, notices);
    ended
}

/// Step by step, until there is something to wait for; what has become true is noted, to be told.
async fn go_on(look: &mut Look<'_>, notices: &mut Vec<Notice>) -> Result<Option<Duration>, Error> {
    let ctx = look.scope.ctx;
    for _ in 0..STEPS {
        if !*ctx.leading.borrow() {
            return Ok(None);
        }
        let Some(mut seen) = look.see().await? else {
            ctx.memory.forget(&look.uid);
            return Ok(None);
        };
        if seen.release.metadata.deletion_timestamp.is_some() {
            ctx.memory.hush(Some(&look.uid));
        }
        if let Some(doubt) = ctx.memory.arrived(&look.uid, &seen.release) {
            tell::figures(ctx, doubt.old.as_ref(), &doubt.new);
            notices.extend(doubt.notices);
        }
        let now = Timestamp::now();
        let decision = ask_and_decide(ctx, &mut seen, now);
        if !look.covers(decision.reads) {
            look.again(decision.reads);
            continue;
        }
        let pause = match &decision.step {
            Step::Status(status) => {
                match write_status(look, &seen, status, decision.notices).await? {
                    Written::Yes(news) => {
                        notices.extend(news);
                        None
                    }
                    Written::Outdated => None,
                    Written::Refused(pause) => Some(pause),
                }
            }
            Step::Requests(requests) => carry_out(look, &seen, requests).await,
            Step::Ask(_) => Some(PAUSE),
            Step::Wait(Some(until)) => Some(remaining(now, *until)),
            Step::Wait(None) => {
                // Many rest; all of them together are much to hold.
                ctx.memory.unlearn(Some(&look.uid));
                Some(RESYNC)
            }
        };
        if let Some(pause) = pause {
            return Ok(Some(pause.min(RESYNC)));
        }
    }
    let (name, namespace) = (look.shown.name_any(), look.shown.namespace());
    tracing::warn!(name, namespace, "{STEPS} steps without coming to rest");
    Ok(Some(PAUSE))
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

/// What a write of the status came to.
enum Written {
    /// And this has become true.
    Yes(Vec<Notice>),
    /// Someone changed the release before.
    Outdated,
    /// It does not fit the definition in the cluster; it is tried again after so long.
    Refused(Duration),
}

async fn write_status(
    look: &mut Look<'_>,
    seen: &Observation,
    status: &ExchangeReleaseStatus,
    news: Vec<Notice>,
) -> Result<Written, Error> {
    let (ctx, old) = (look.scope.ctx, &seen.release);
    match act::write_status(look.scope, old, status).await {
        Ok(release) => {
            ctx.memory.note(&look.uid, |notes| {
                notes.written = release.resource_version().map(|v| (Timestamp::now(), v));
                notes.doubt = None;
            });
            look.wrote(release);
            tell::figures(ctx, old.status.as_ref(), status);
            Ok(Written::Yes(news))
        }
        Err(error) => {
            ctx.metrics.refused(STATUS, error.reason());
            match error.code() {
                409 => {
                    look.again(Reads::RELEASE);
                    Ok(Written::Outdated)
                }
                422 => Ok(Written::Refused(refused(look, seen, &error))),
                _ => {
                    let doubt = Doubt::of(old, status, news);
                    ctx.memory
                        .note(&look.uid, |notes| notes.doubt = Some(doubt));
                    // It is read before anything else is written: a second write in doubt would hide the first.
                    ctx.memory.unlearn(Some(&look.uid));
                    Err(error.into())
                }
            }
        }
    }
}

/// Notes that the status does not fit the definition in the cluster, which is the only place left to tell it; how long
/// to wait.
fn refused(look: &Look<'_>, seen: &Observation, error: &CallError) -> Duration {
    let (name, namespace) = (look.shown.name_any(), look.shown.namespace());
    tracing::warn!(name, namespace, %error, "status refused: the CustomResourceDefinition in the cluster may be older than this operator; apply the chart's");
    let now = Timestamp::now();
    let failure = Failure {
        request: "write the status".to_owned(),
        name: name.clone(),
        code: error.code(),
        message: error.to_string(),
        is_terminating: false,
        since: now,
        last: now,
    };
    let failures = Failure::standing(vec![failure], &[], &seen.failures, now);
    let pause = pause_after(failures.get(..1).unwrap_or_default());
    let memory = &look.scope.ctx.memory;
    memory.note(&look.uid, |notes| notes.failures = failures);
    pause.unwrap_or(SHORT_PAUSE)
}

async fn carry_out(
    look: &mut Look<'_>,
    seen: &Observation,
    requests: &[Request],
) -> Option<Duration> {
    let outcome = act::carry_out(look.scope, requests).await;
    if outcome.is_stale {
        look.again(Reads::EVERYTHING);
    }
    let refused = outcome.failures.len();
    let now = Timestamp::now();
    let failures = Failure::standing(outcome.failures, requests, &seen.failures, now);
    let went_on = outcome.progress || outcome.is_stale;
    let pause = pause_after(failures.get(..refused).unwrap_or_default());
    let pause = pause.or((!went_on).then_some(PAUSE));
    look.scope.ctx.memory.note(&look.uid, |notes| {
        notes.failures = failures;
        for (service, flip) in outcome.flipped {
            notes.flipped(service, flip);
        }
    });
    pause
}

/// As long as the oldest refusal has lasted, so that pauses double.
fn pause_after(failures: &[Failure]) -> Option<Duration> {
    let lasted = |f: &Failure| Duration::try_from(f.lasted());
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
                is_terminating: false,
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
