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
    let failure = error.explains(Failure::to("write the status".to_owned(), &name, now));
    let failures = Failure::standing(vec![failure], &[], &seen.failures, now);
    let pause = failures.first().map_or(SHORT_PAUSE, pause_after);
    let memory = &look.scope.ctx.memory;
    memory.note(&look.uid, |notes| notes.failures = failures);
    pause
}

/// Sends what was not refused a moment ago; how long to wait, if that is nothing or changed nothing. A refusal holds up
/// nothing but its own repetition: the engine may have something else to do by then.
async fn carry_out(
    look: &mut Look<'_>,
    seen: &Observation,
    requests: &[Request],
) -> Option<Duration> {
    let now = Timestamp::now();
    let pause = |request: &Request| pause_before(request, &seen.failures, now);
    let due: Vec<&Request> = requests.iter().filter(|r| pause(r).is_none()).collect();
    if due.is_empty() {
        return requests.iter().filter_map(pause).min();
    }
    let outcome = act::carry_out(look.scope, &due).await;
    if outcome.is_stale {
        look.again(Reads::EVERYTHING);
    }
    let is_answered = outcome.progress || outcome.is_stale || !outcome.failures.is_empty();
    let failures = Failure::standing(outcome.failures, &due, &seen.failures, now);
    look.scope.ctx.memory.note(&look.uid, |notes| {
        notes.failures = failures;
        for (service, flip) in outcome.flipped {
            notes.flipped(service, flip);
        }
    });
    (!is_answered).then_some(PAUSE)
}

/// How long a request that was refused is not to be repeated yet.
fn pause_before(request: &Request, failures: &[Failure], now: Timestamp) -> Option<Duration> {
    let failure = failures.iter().find(|f| f.is_of(request))?;
    let over = failure.last + pause_after(failure);
    (now < over).then(|| remaining(now, over))
}

/// As long as the refusal has lasted, so that pauses double.
fn pause_after(failure: &Failure) -> Duration {
    let lasted = Duration::try_from(failure.lasted());
    lasted.unwrap_or_default().clamp(SHORT_PAUSE, PAUSE)
}

/// At least a few milliseconds, so that a deadline is over when we look again.
fn remaining(now: Timestamp, until: Timestamp) -> Duration {
    let left = until.duration_since(now);
    Duration::try_from(left).unwrap_or_default() + Duration::from_millis(5)
}

#[cfg(test)]
mod tests {
    use changeover_engine::{Kind, Target};

    use super::*;

    const SINCE: Timestamp = Timestamp::UNIX_EPOCH;

    fn deletion(name: &str) -> Request {
        Request::Delete(Target {
            kind: Kind::Service,
            name: name.to_owned(),
            uid: String::new(),
            resource_version: String::new(),
        })
    }

    fn refused_for(millis: u64) -> Failure {
        Failure {
            last: SINCE + Duration::from_millis(millis),
            ..Failure::of(&deletion("shop-user"), SINCE)
        }
    }

    #[test]
    fn pauses_after_a_refusal_double_up_to_two_seconds() {
        for (lasted, expected) in [(0, 100), (150, 150), (900, 900), (30_000, 2000)] {
            let pause = pause_after(&refused_for(lasted));
            assert_eq!(pause, Duration::from_millis(expected));
        }
    }

    #[test]
    fn a_refusal_holds_up_its_own_repetition_alone() {
        let failures = [refused_for(900)];
        let pause = |name, millis| {
            let now = SINCE + Duration::from_millis(millis);
            pause_before(&deletion(name), &failures, now)
        };
        let some_more = Duration::from_millis(805);
        assert_eq!(pause("shop-user", 1000), Some(some_more));
        assert_eq!(pause("shop-user", 1800), None);
        assert_eq!(pause("shop-trade", 1000), None);
    }
}
