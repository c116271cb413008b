//! What goes on while one write after the other is spoiled, and the one end that it has.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use changeover_apiserver_tests::{Children, NAME, Requests, Sandbox, baking, exchange};
use changeover_crds::{Colour, ColourStatus, ExchangeRelease, Outcome, Phase, names};
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::DeleteParams;

use crate::{assert_served_by, coloured, status};

#[derive(Clone, Copy, Debug)]
pub enum Course {
    /// The first release of an exchange.
    Install,
    /// The next one, with the collection of what was warm.
    Release,
    /// Out of `Warm`.
    Rollback,
    /// Out of the bake.
    Abort,
    /// Once more what went back, with the pods that it left.
    Retry,
}

impl Course {
    /// As figures name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Install => "first installs",
            Self::Release => "releases",
            Self::Rollback => "rollbacks",
            Self::Abort => "aborts",
            Self::Retry => "retries",
        }
    }

    /// There are at least so many of these requests: else a sweep has missed it.
    pub const fn least(self, requests: Requests) -> usize {
        match (requests, self) {
            (Requests::Writes, Self::Install | Self::Release | Self::Retry) => 15,
            (Requests::Writes, Self::Rollback | Self::Abort) => 5,
            // What is ready, read together.
            (Requests::Reads, Self::Rollback | Self::Abort) => 1,
            _ => 2,
        }
    }

    /// Brings about what it begins with.
    pub async fn prepare(self, sandbox: &Sandbox, version: &str) -> Result<()> {
        match self {
            Self::Install => return uninstall(sandbox).await,
            Self::Release => return Ok(()),
            Self::Rollback => {
                sandbox.apply(&exchange(version)).await?;
                sandbox.await_phase(Phase::Warm, Some(version)).await?;
            }
            Self::Abort => {
                sandbox.apply(&baking(version)).await?;
                sandbox.await_phase(Phase::Baking, Some(version)).await?;
            }
            Self::Retry => {
                sandbox.apply(&exchange(version)).await?;
                let before = sandbox.await_phase(Phase::Warm, Some(version)).await?;
                sandbox.annotate(names::ROLLBACK, &token(&before)).await?;
                sandbox.await_phase(Phase::RolledBack, None).await?;
            }
        }
        Ok(())
    }

    /// Sets it going.
    pub async fn begin(self, sandbox: &Sandbox, version: &str) -> Result<()> {
        match self {
            Self::Install | Self::Release => {
                sandbox.apply(&exchange(version)).await?;
            }
            Self::Rollback => sandbox.annotate(names::ROLLBACK, version).await?,
            Self::Abort => sandbox.annotate(names::ABORT, version).await?,
            Self::Retry => {
                let before = sandbox.release().await?;
                sandbox.annotate(names::RETRY, &token(&before)).await?;
            }
        }
        Ok(())
    }

    /// Waits until it is over; `before` is what was live until then.
    pub async fn end(
        self,
        sandbox: &Sandbox,
        version: &str,
        before: &str,
    ) -> Result<ExchangeRelease> {
        let (phase, live) = match self {
            Self::Install => (Phase::Live, version),
            Self::Release | Self::Retry => (Phase::Warm, version),
            Self::Rollback | Self::Abort => (Phase::RolledBack, before),
        };
        sandbox.await_phase(phase, Some(live)).await
    }

    /// What is told of each version, once.
    const fn news(self) -> &'static [&'static str] {
        match self {
            Self::Install | Self::Release | Self::Retry => {
                &["ReleaseStarted", "Verified", "Switched"]
            }
            Self::Rollback | Self::Abort => &["RollingBack"],
        }
    }

    /// Who saw nothing but an operator that goes on was told all of it.
    pub async fn await_told(self, sandbox: &Sandbox, version: &str) -> Result<()> {
        for reason in self.news() {
            sandbox.await_event(reason, version).await?;
        }
        Ok(())
    }

    /// And nobody twice. Operators that are killed may leave without a word.
    pub async fn assert_told_once(self, sandbox: &Sandbox) -> Result<()> {
        let told = sandbox.told().await?;
        let news = told.iter();
        let news = news.filter(|(reason, _)| self.news().contains(&reason.as_str()));
        let mut seen = BTreeSet::new();
        for event in news {
            assert!(seen.insert(event), "told twice: {event:?}");
        }
        assert!(!seen.is_empty(), "nothing was told");
        Ok(())
    }

    /// What is live before the next one.
    pub const fn live<'a>(self, version: &'a str, before: &'a str) -> &'a str {
        match self {
            Self::Install | Self::Release => version,
            Self::Rollback | Self::Abort | Self::Retry => before,
        }
    }

    /// All is as if nothing had been spoiled.
    pub async fn assert_ended(self, sandbox: &Sandbox, version: &str, before: &str) -> Result<()> {
        let release = self.end(sandbox, version, before).await?;
        let status = status(&release)?;
        let live = status.live.as_ref().context("nothing live")?;
        let of = |role: &Option<ColourStatus>| role.as_ref().map(|r| r.version.clone());
        let rejected = status.rejected.as_ref().map(|r| r.version.as_str());
        let (warm, candidate) = (of(&status.warm), of(&status.candidate));
        let outcomes = match self {
            Self::Install => {
                assert_eq!((warm, candidate, rejected), (None, None, None));
                vec![Outcome::Live]
            }
            Self::Release | Self::Retry => {
                assert_eq!(
                    (warm.as_deref(), candidate, rejected),
                    (Some(before), None, None)
                );
                match self {
                    Self::Retry => vec![Outcome::Live, Outcome::RolledBack],
                    _ => vec![Outcome::Live],
                }
            }
            Self::Rollback | Self::Abort => {
                let version = Some(version);
                assert_eq!(
                    (warm, candidate.as_deref(), rejected),
                    (None, version, version)
                );
                vec![Outcome::RolledBack, Outcome::Live]
            }
        };
        assert_served_by(sandbox, live.colour).await?;
        let told = status.history.iter().filter(|h| h.version == version);
        let mut told: Vec<Outcome> = told.map(|entry| entry.outcome).collect();
        if matches!(self, Self::Retry) {
            // Below these are those of the retries before.
            told.truncate(outcomes.len());
        }
        assert_eq!(told, outcomes, "it ended once: {:?}", status.history);
        self.await_children(sandbox, live.colour).await
    }

    async fn await_children(self, sandbox: &Sandbox, live: Colour) -> Result<()> {
        let colours: &[Colour] = match self {
            Self::Install => &[live],
            Self::Release | Self::Rollback | Self::Abort | Self::Retry => &Colour::ALL,
        };
        let all = coloured(colours);
        let whole = |children: &Children| {
            ["Deployment", "PodDisruptionBudget"]
                .iter()
                .all(|kind| children.names(kind) == all)
                && children.names("ControllerRevision").len() == colours.len()
                && children.names("ConfigMap").len() == 2 * colours.len()
        };
        sandbox.await_children("whole colours", whole).await
    }
}

/// One that was not used before.
fn token(release: &ExchangeRelease) -> String {
    release
        .metadata
        .resource_version
        .clone()
        .unwrap_or_default()
}

/// Deletes the release, and waits until nothing of it is left.
async fn uninstall(sandbox: &Sandbox) -> Result<()> {
    let releases: Api<ExchangeRelease> = sandbox.api();
    releases.delete(NAME, &DeleteParams::background()).await?;
    sandbox.await_gone::<ExchangeRelease>(NAME).await?;
    let none = |children: &Children| children.0.is_empty();
    sandbox.await_children("nothing", none).await?;
    sandbox
        .await_gone::<Service>(&names::live_service(NAME, "user"))
        .await
}
