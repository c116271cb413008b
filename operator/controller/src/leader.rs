//! Which replica leads, by a Lease. Times are judged on this machine's monotonic clock: a lease is free
//! when it has not changed for its whole duration while we watched. That is an optimisation; what keeps
//! a deposed leader from doing harm are the uids, resourceVersions and stamps on its writes.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::client::{CALL_TIMEOUT, CallError, bounded};

/// How long a silent leader keeps the lease.
const DURATION: Duration = Duration::from_secs(15);
/// How often the leader renews, and a standby looks.
const PERIOD: Duration = Duration::from_secs(2);
/// A leader that could not renew for this long stops leading, well before anybody else may start.
const RENEW_DEADLINE: Duration = Duration::from_secs(9);

/// A call that a leader began in its last moment is over before another may lead.
const _: () = assert!(RENEW_DEADLINE.as_secs() + CALL_TIMEOUT.as_secs() < DURATION.as_secs());

/// Why this replica leads no longer.
#[derive(Debug, Error)]
pub enum Lost {
    /// Another replica holds the lease.
    #[error("the lease was taken by {0}")]
    Taken(String),
    /// The lease could not be renewed.
    #[error("the lease could not be renewed for {RENEW_DEADLINE:?}: {0}")]
    Silent(CallError),
}

/// This replica's view of the lease.
pub struct Election {
    api: Api<Lease>,
    name: String,
    me: String,
    /// The lease as last seen, and when it was first seen so.
    seen: Option<(LeaseSpec, Instant)>,
}

impl Election {
    pub fn new(client: Client, namespace: &str, name: &str, me: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            me: me.to_owned(),
            seen: None,
        }
    }

    /// Waits until this replica leads; since when, which is when it asked. An unreachable API server is waited
    /// for, too.
    pub async fn win(&mut self) -> Instant {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            let sent = Instant::now();
            match self.round().await {
                Ok(true) => {
                    tracing::info!(lease = self.name, "leads");
                    return sent;
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "waits as a standby: the lease cannot be read")
                }
            }
        }
    }

    /// Renews what was won, until the lease is lost. A renewal counts from when it was sent; neither one that hangs
    /// nor the pause after one that was refused outlasts the deadline.
    pub async fn hold(&mut self, won: Instant) -> Lost {
        let mut renewed = won;
        let mut ticks = ticks();
        let mut trouble = CallError::Timeout;
        loop {
            let next = async {
                ticks.tick().await;
                (Instant::now(), self.round().await)
            };
            let Ok((sent, ours)) = timeout_at(renewed + RENEW_DEADLINE, next).await else {
                return Lost::Silent(trouble);
            };
            match ours {
                Ok(true) => renewed = sent,
                Ok(false) if self.holder() != self.me => return Lost::Taken(self.holder()),
                // Ours, and changed since it was read: by a renewal of before that came late, or by a person.
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "the lease was not renewed yet");
                    trouble = error;
                }
            }
        }
    }

    /// Gives the lease back, so that a standby need not wait.
    pub async fn release(&mut self) {
        if let Ok(mut lease) = bounded(self.api.get(&self.name)).await
            && let Some(spec) = lease
                .spec
                .as_mut()
                .filter(|s| s.holder_identity.as_ref() == Some(&self.me))
        {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            let given = bounded(self.api.replace(&self.name, &PostParams::default(), &lease)).await;
            tracing::info!(given = given.is_ok(), "the lease is given back");
        }
    }

    /// Takes or renews the lease; whether it is ours now.
    async fn round(&mut self) -> Result<bool, CallError> {
        let Some(lease) = bounded(self.api.get_opt(&self.name)).await? else {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(self.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(self.mine(None)),
            };
            return won(bounded(self.api.create(&PostParams::default(), &lease)).await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != spec) {
            self.seen = Some((spec.clone(), Instant::now()));
        }
        if !self.may_take(&spec) {
            return Ok(false);
        }
        // The resourceVersion of what was read goes along: of two takers one gets 409.
        let lease = Lease {
            spec: Some(self.mine(Some(&spec))),
            ..lease
        };
        won(bounded(self.api.replace(&self.name, &PostParams::default(), &lease)).await)
    }

    fn may_take(&self, spec: &LeaseSpec) -> bool {
        let Some(holder) = spec.holder_identity.as_ref().filter(|h| !h.is_empty()) else {
            return true;
        };
        let seconds = spec
            .lease_duration_seconds
            .and_then(|s| u64::try_from(s).ok());
        let duration = seconds.map_or(DURATION, Duration::from_secs);
        *holder == self.me
            || self
                .seen
                .as_ref()
                .is_some_and(|(_, since)| since.elapsed() > duration)
    }

    fn mine(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let kept = before.filter(|b| b.holder_identity.as_ref() == Some(&self.me));
        let transitions = before.map_or(0, |b| b.lease_transitions.unwrap_or(0));
        LeaseSpec {
            holder_identity: Some(self.me.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: kept
                .and_then(|k| k.acquire_time.clone())
                .or(Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if kept.is_some() {
                transitions
            } else {
                transitions.saturating_add(1)
            }),
            ..LeaseSpec::default()
        }
    }

    fn holder(&self) -> String {
        self.seen
            .as_ref()
            .and_then(|(s, _)| s.holder_identity.clone())
            .unwrap_or_default()
    }
}

/// A conflict means that another replica was faster.
fn won(answer: Result<Lease, CallError>) -> Result<bool, CallError> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.code() == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests;
