//! A proxy between the operator and the API server spoils one request after the other; the end is the same each time,
//! and on the way no client was left without pods.

use anyhow::{Context, Result, ensure};
use changeover_apiserver_tests::{Requests, SERVICES, Spoil};

use crate::courses::Course;
use crate::run::Run;

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
async fn no_answer_to_any_write_of_a_release_changes_nothing() -> Result<()> {
    sweep("no answer", Course::Release, &[Spoil::Silence]).await
}

#[tokio::test]
async fn no_answer_to_any_read_of_a_release_changes_nothing() -> Result<()> {
    let (reads, release) = (Requests::Reads, Course::Release);
    sweep_of(reads, "no answer to a read", release, &[Spoil::Silence]).await
}

#[tokio::test]
async fn a_refusal_of_any_write_of_a_release_changes_nothing() -> Result<()> {
    sweep("a refusal", Course::Release, &Spoil::REFUSALS).await
}

#[tokio::test]
async fn an_api_server_that_cannot_carry_out_any_write_of_a_release_changes_nothing() -> Result<()>
{
    sweep("a refusal for now", Course::Release, &Spoil::NOT_NOW).await
}

#[tokio::test]
async fn nothing_that_happens_to_a_read_of_a_release_changes_anything() -> Result<()> {
    let (reads, release) = (Requests::Reads, Course::Release);
    sweep_of(reads, "every fault of a read", release, &every()).await
}

#[tokio::test]
async fn nothing_that_happens_to_a_read_of_a_first_install_changes_the_end() -> Result<()> {
    let (reads, install) = (Requests::Reads, Course::Install);
    sweep_of(reads, "every fault of a read", install, &every()).await
}

#[tokio::test]
async fn nothing_that_happens_to_a_read_of_a_rollback_keeps_clients_from_the_old_colour()
-> Result<()> {
    let (reads, rollback) = (Requests::Reads, Course::Rollback);
    sweep_of(reads, "every fault of a read", rollback, &every()).await
}

#[tokio::test]
async fn nothing_that_happens_to_a_read_of_an_abort_keeps_clients_from_the_old_colour() -> Result<()>
{
    let (reads, abort) = (Requests::Reads, Course::Abort);
    sweep_of(reads, "every fault of a read", abort, &every()).await
}

#[tokio::test]
async fn nothing_that_happens_to_a_write_of_a_first_install_changes_the_end() -> Result<()> {
    sweep("every fault", Course::Install, &every()).await
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

/// A release that went back is tried again, and again. Each time another stamp is spoiled in another way.
#[tokio::test]
async fn nothing_that_happens_to_a_stamp_changes_the_end() -> Result<()> {
    // Of each service the Deployment, the pinned Service, the PodDisruptionBudget and the ConfigMap; what stores the
    // revision. They are sent together: which comes first is open.
    const STAMPS: usize = 4 * SERVICES.len() + 1;
    let mut run = Run::new(Course::Retry, "every fault of a stamp").await?;
    for number in 1..=STAMPS {
        for spoil in every() {
            let round = run.round("1.0.1", Requests::Stamps, number, spoil).await;
            let what = || format!("{spoil:?} of stamp {number}: {}", run.operator.said());
            let spoiled = round.with_context(what)?;
            ensure!(spoiled == 1, "stamp {number} was not written");
            run.spoiled += spoiled;
        }
    }
    run.finish().await
}

fn every() -> Vec<Spoil> {
    let others = [Spoil::CrashBefore, Spoil::CrashAfter, Spoil::LoseAnswer];
    let refusals = Spoil::REFUSALS.into_iter().chain(Spoil::NOT_NOW);
    others.into_iter().chain(refusals).collect()
}

/// Goes the course again and again. Each time a later write is spoiled, in each way that is asked for, until there is
/// none so late.
async fn sweep(name: &str, course: Course, spoils: &[Spoil]) -> Result<()> {
    sweep_of(Requests::Writes, name, course, spoils).await
}

/// The same with these requests.
async fn sweep_of(requests: Requests, name: &str, course: Course, spoils: &[Spoil]) -> Result<()> {
    let mut run = Run::new(course, name).await?;
    for number in 1.. {
        let before = run.spoiled;
        for (turn, spoil) in spoils.iter().copied().enumerate() {
            let version = format!("2.{number}.{turn}");
            let round = run.round(&version, requests, number, spoil).await;
            let what = || {
                format!(
                    "{spoil:?} of {requests:?} {number}: {}",
                    run.operator.said()
                )
            };
            run.spoiled += round.with_context(what)?;
        }
        // What was read a moment ago is not read again: how many reads there are is not the same each time.
        if run.spoiled == before {
            ensure!(
                number > course.least(requests),
                "only {number} {requests:?}"
            );
            run.figures
                .put(&format!("{requests:?}").to_lowercase(), number - 1);
            break;
        }
    }
    course.assert_told_once(&run.sandbox).await?;
    run.finish().await
}

impl Run {
    /// Goes the course once, with one write spoiled; how many were, if it writes so often.
    async fn round(
        &mut self,
        version: &str,
        requests: Requests,
        number: usize,
        spoil: Spoil,
    ) -> Result<usize> {
        let course = self.course;
        course.prepare(&self.sandbox, version).await?;
        self.proxy.spoil(requests, number, spoil);
        course.begin(&self.sandbox, version).await?;
        let has_succeeded = tokio::select! {
            () = self.proxy.crashed() => {
                self.succeed()?;
                true
            }
            done = course.end(&self.sandbox, version, &self.before) => {
                done?;
                false
            }
        };
        course
            .assert_ended(&self.sandbox, version, &self.before)
            .await?;
        let crashes = matches!(spoil, Spoil::CrashBefore | Spoil::CrashAfter);
        if !crashes {
            course.await_told(&self.sandbox, version).await?;
        }
        // Some write after the end. The crash may be on its way: it would meet the next round.
        if self.proxy.spoil_no_more() > 0 && crashes && !has_succeeded {
            self.proxy.crashed().await;
            self.succeed()?;
            course
                .assert_ended(&self.sandbox, version, &self.before)
                .await?;
        }
        self.proxy.pass_all();
        self.before = course.live(version, &self.before).to_owned();
        Ok(self.proxy.spoiled())
    }

    /// Kills an operator that has crashed, and starts its successor.
    fn succeed(&mut self) -> Result<()> {
        self.operator.end()?;
        self.proxy.pass_all();
        // With the same name, it need not wait for the lease to run out.
        self.operator = self.sandbox.operator_through(&self.proxy, "one")?;
        Ok(())
    }
}
