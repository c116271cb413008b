use changeover_crds::{ExchangeRelease, Phase};
use changeover_e2e::{Hold, Load, Settled, Stage};

use crate::common::{
    RELEASE, assert_selected, finish_without_loss, half_switched, lab, version, with_first_release,
};

/// Where the leader is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    Preparing,
    Verifying,
    Switching,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_killed_in_any_phase_ends_where_an_undisturbed_one_does() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "crash").await;
    let blue = Settled::of(&stage).await.unwrap();
    let load = Load::start(&stage).await.unwrap();
    stage.release(&version("2.0.0")).await.unwrap();
    stage.settled("2.0.0").await.unwrap();
    let green = Settled::of(&stage).await.unwrap();

    for (point, to, undisturbed) in [
        (Point::Preparing, "1.0.0", &blue),
        (Point::Verifying, "2.0.0", &green),
        (Point::Switching, "1.0.0", &blue),
    ] {
        kill_at(&stage, point, to).await;
        let release = stage.settled(to).await.unwrap();
        assert_selected(&stage, &release).await;
        assert_eq!(
            &Settled::of(&stage).await.unwrap(),
            undisturbed,
            "killed in {point:?}"
        );
    }
    finish_without_loss(&stage, load).await;
}

/// Releases a version, kills the leader at this point, and waits until another has led the release to its end.
async fn kill_at(stage: &Stage<'_>, point: Point, to: &str) {
    let hold = match point {
        Point::Preparing => None,
        Point::Verifying => Some(Hold::before_switching(stage).await.unwrap()),
        Point::Switching => Some(Hold::live_service(stage, "trade").await.unwrap()),
    };
    stage.apply(&version(to)).unwrap();
    let phase = match point {
        Point::Preparing => Phase::Preparing,
        Point::Verifying => Phase::Verifying,
        Point::Switching => Phase::Switching,
    };
    let release = stage
        .until(&format!("{phase:?}"), RELEASE, |r| is_in(r, phase, to))
        .await
        .unwrap();
    if let Point::Switching = point {
        let colour = release.status.unwrap().candidate.unwrap().colour;
        half_switched(stage, colour).await;
    }
    let killed = stage.kill_leader().await.unwrap();
    drop(hold);
    stage.release(&version(to)).await.unwrap();
    assert_ne!(stage.leader().await.unwrap(), killed);
}

fn is_in(release: &ExchangeRelease, phase: Phase, version: &str) -> bool {
    release.status.as_ref().is_some_and(|status| {
        let candidate = status.candidate.as_ref();
        status.phase == Some(phase) && candidate.is_some_and(|c| c.version == version)
    })
}
