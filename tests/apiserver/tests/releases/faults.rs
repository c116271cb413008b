//! A proxy between the operator and the API server spoils one write after the other; the end is the same each time,
//! and on the way no client was left without pods.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use changeover_apiserver_tests::{Operator, Proxy, Sandbox, Spoil, Watches, exchange, until};
use changeover_crds::Phase;
use changeover_figures::Figures;

use crate::courses::Course;

/// For watches to be begun again.
const LIMIT: Duration = Duration::from_secs(30);
/// What the API server says when it does not carry a write out.
const REFUSALS: [Spoil; 6] = [
    Spoil::Refuse(409),
    Spoil::Refuse(410),
    Spoil::Refuse(422),
    Spoil::Refuse(429),
    Spoil::Refuse(500),
    Spoil::Refuse(503),
];

#[tokio::test]
async fn a_crash_before_any_write_of_a_release_changes_nothing() -> Result<()> {
    sweep(
        "a crash before a write",
        Course::Release,
        &[Spoil::CrashBefore],
    )
    .await
}

#[tokio::test]
async fn a_crash_after_any_write_of_a_release_changes_nothing() -> Result<()> {
    sweep(
        "a crash after a write",
        Course::Release,
        &[Spoil::CrashAfter],
    )
    .await
}

#[tokio::test]
async fn a_lost_answer_to_any_write_of_a_release_changes_nothing() -> Result<()> {
    sweep("a lost answer", Course::Release, &[Spoil::LoseAnswer]).await
}

#[tokio::test]
async fn a_refusal_of_any_write_of_a_release_changes_nothing() -> Result<()> {
    sweep("a refusal", Course::Release, &REFUSALS).await
}

#[tokio::test]
async fn a_crash_at_any_write_of_a_first_install_changes_nothing() -> Result<()> {
    let crashes = [Spoil::CrashBefore, Spoil::CrashAfter];
    sweep("a crash at a write", Course::Install, &crashes).await
}

#[tokio::test]
async fn nothing_that_happens_to_a_write_of_a_rollback_keeps_clients_from_the_old_colour()
-> Result<()> {
    sweep("every fault", Course::Rollback, &every()).await
}

#[tokio::test]
async fn nothing_that_happens_to_a_write_of_an_abort_keeps_clients_from_the_old_colour()
-> Result<()> {
    sweep("every fault", Course::Abort, &every()).await
}

#[tokio::test]
async fn watches_that_end_or_are_gone_are_begun_again() -> Result<()> {
    for how in [Watches::End, Watches::Gone, Watches::GoneEvent] {
        let sandbox = Sandbox::new().await?;
        let proxy = sandbox.proxy().await?;
        proxy.spoil_watches(how);
        let _operator = sandbox.operator_through(&proxy, "one")?;
        sandbox.apply(&exchange("1.0.0")).await?;
        sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
        sandbox.apply(&exchange("2.0.0")).await?;
        Course::Release
            .assert_ended(&sandbox, "2.0.0", "1.0.0")
            .await?;
        // Releases and seven kinds of children are watched. Some watches are spoiled twice, after a pause.
        until(LIMIT, async || {
            let few = proxy.spoiled() < 7;
            Ok(few.then(|| format!("{how:?}: {proxy:?}")))
        })
        .await?;
        sandbox.finish().await?;
    }
    Ok(())
}

/// Each answer takes longer than a pass goes on from what it has read.
#[tokio::test]
async fn a_slow_api_server_is_waited_for() -> Result<()> {
    let sandbox = Sandbox::new().await?;
    let proxy = sandbox.proxy().await?;
    proxy.delay(Duration::from_millis(600));
    let _operator = sandbox.operator_through(&proxy, "one")?;
    sandbox.apply(&exchange("1.0.0")).await?;
    sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    sandbox.finish().await
}

fn every() -> Vec<Spoil> {
    let others = [Spoil::CrashBefore, Spoil::CrashAfter, Spoil::LoseAnswer];
    others.into_iter().chain(REFUSALS).collect()
}

/// What is done to a write: each of these, but of refusals one, in turns.
fn at_write(write: usize, spoils: &[Spoil]) -> Vec<Spoil> {
    let spoils = spoils.iter().copied();
    let (refusals, mut all): (Vec<_>, Vec<_>) = spoils.partition(|s| matches!(s, Spoil::Refuse(_)));
    all.extend(refusals.get(write % refusals.len().max(1)));
    all
}

/// Goes the course again and again. Each time a later write is spoiled, in each way that is asked for, until there is
/// none so late.
async fn sweep(name: &str, course: Course, spoils: &[Spoil]) -> Result<()> {
    let started = Instant::now();
    let mut figures = Figures::of("api-server", format!("{}, {name}", course.name()));
    let sandbox = Sandbox::new().await?;
    let guard = sandbox.guard();
    let proxy = sandbox.proxy().await?;
    let operator = sandbox.operator_through(&proxy, "one")?;
    sandbox.apply(&exchange("1.0.0")).await?;
    sandbox.await_phase(Phase::Live, Some("1.0.0")).await?;
    let mut sweep = Sweep {
        sandbox: &sandbox,
        proxy: &proxy,
        operator,
        course,
        before: "1.0.0".to_owned(),
    };
    let mut spoiled = 0;
    for write in 1.. {
        for (turn, spoil) in (0..).zip(at_write(write, spoils)) {
            let version = format!("2.{write}.{turn}");
            let round = sweep.round(&version, write, spoil).await;
            let what = || format!("{spoil:?} of write {write}: {}", sweep.operator.said());
            spoiled += round.with_context(what)?;
        }
        if proxy.spoiled() == 0 {
            ensure!(write > course.least_writes(), "only {write} writes");
            figures.put("writes", write - 1);
            break;
        }
    }
    course.assert_told_once(&sandbox).await?;
    figures.put("faults run", spoiled);
    figures.put("invariants checked at states of Services", guard.end()?);
    figures.put("violations", 0);
    figures.took(started.elapsed());
    figures.tell()?;
    sandbox.finish().await
}

struct Sweep<'a> {
    sandbox: &'a Sandbox,
    proxy: &'a Proxy,
    operator: Operator,
    course: Course,
    /// What is live.
    before: String,
}

impl Sweep<'_> {
    /// Goes the course once, with one write spoiled; how many were, if it writes so often.
    async fn round(&mut self, version: &str, write: usize, spoil: Spoil) -> Result<usize> {
        let (sandbox, proxy, course) = (self.sandbox, self.proxy, self.course);
        course.prepare(sandbox, version).await?;
        proxy.spoil_write(write, spoil);
        course.begin(sandbox, version).await?;
        tokio::select! {
            () = proxy.crashed() => self.succeed()?,
            done = course.end(sandbox, version, &self.before) => drop(done?),
        }
        course.assert_ended(sandbox, version, &self.before).await?;
        if !matches!(spoil, Spoil::CrashBefore | Spoil::CrashAfter) {
            course.await_told(sandbox, version).await?;
        }
        // Some write after the end.
        if proxy.has_crashed() {
            self.succeed()?;
            course.assert_ended(sandbox, version, &self.before).await?;
        }
        proxy.pass_all();
        self.before = course.live(version, &self.before).to_owned();
        Ok(proxy.spoiled())
    }

    /// Kills an operator that has crashed, and starts its successor.
    fn succeed(&mut self) -> Result<()> {
        self.operator.end()?;
        self.proxy.pass_all();
        // With the same name, it need not wait for the lease to run out.
        self.operator = self.sandbox.operator_through(self.proxy, "one")?;
        Ok(())
    }
}
