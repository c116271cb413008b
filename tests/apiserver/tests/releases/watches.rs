//! Watches that end, that are gone, and that are late.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use changeover_apiserver_tests::{Sandbox, Watches, exchange, until};
use changeover_crds::Phase;

use crate::courses::Course;
use crate::run::Run;

/// For watches to be begun again.
const LIMIT: Duration = Duration::from_secs(30);
/// Longer than a switch and all that follows it at once, and than what was read is gone on from.
const LATE: Duration = Duration::from_secs(2);
/// Watches by how their path ends: each alone, and all.
const WATCHES: [&str; 9] = [
    "/configmaps",
    "/controllerrevisions",
    "/deployments",
    "/endpointslices",
    "/exchangereleases",
    "/poddisruptionbudgets",
    "/pods",
    "/services",
    "",
];

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

#[tokio::test]
async fn a_late_watch_changes_nothing_of_a_release() -> Result<()> {
    each_late(Course::Release).await
}

#[tokio::test]
async fn a_late_watch_changes_nothing_of_a_first_install() -> Result<()> {
    each_late(Course::Install).await
}

#[tokio::test]
async fn a_late_watch_keeps_no_client_of_a_rollback_from_the_old_colour() -> Result<()> {
    each_late(Course::Rollback).await
}

#[tokio::test]
async fn a_late_watch_keeps_no_client_of_an_abort_from_the_old_colour() -> Result<()> {
    each_late(Course::Abort).await
}

/// Goes the course once with each watch behind the others, and once with all behind what is.
async fn each_late(course: Course) -> Result<()> {
    let mut run = Run::new(course, "a late watch").await?;
    let (sandbox, proxy, mut late) = (&run.sandbox, &run.proxy, 0);
    for (number, watch) in WATCHES.into_iter().enumerate() {
        let version = format!("2.{number}.0");
        let what = || format!("late: {watch}: {}", run.operator.said());
        course.prepare(sandbox, &version).await?;
        proxy.delay_watches(watch, LATE);
        course.begin(sandbox, &version).await?;
        let ended = course.end(sandbox, &version, &run.before).await;
        ended.with_context(what)?;
        course.assert_ended(sandbox, &version, &run.before).await?;
        // A rollback changes only some kinds.
        let is_told = matches!(course, Course::Install | Course::Release);
        ensure!(
            proxy.spoiled() > 0 || !is_told,
            "nothing came late: {watch}"
        );
        late += proxy.spoiled();
        proxy.pass_all();
        run.before = course.live(&version, &run.before).to_owned();
    }
    ensure!(late > 0, "nothing came late");
    course.assert_told_once(sandbox).await?;
    run.spoiled = WATCHES.len();
    run.figures.put("late pieces of news", late);
    run.finish().await
}
