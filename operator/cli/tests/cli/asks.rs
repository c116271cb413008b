//! What is written for each request in each state, and what is said where nothing is.

use changeover_cli::ask::{Change, Plan, Verb, plan};
use changeover_crds::{ExchangeRelease, names};
use serde_json::json;

use crate::states::{annotated, changed, now, release};

const REVISION: &str = "v1:9be1d07c52f3a8e64411";
const TOKEN: &str = "2026-11-26T12:00:00Z";

fn ask(verb: &Verb, release: &ExchangeRelease) -> Plan {
    plan(verb, release, Some("ann"), now())
}

fn sent(verb: &Verb, release: &ExchangeRelease) -> Change {
    match ask(verb, release) {
        Plan::Send(change) => change,
        other => panic!("{verb:?}: {other:?}"),
    }
}

#[track_caller]
fn assert_nothing_to_do(verb: &Verb, release: &ExchangeRelease, words: &str) {
    match ask(verb, release) {
        Plan::NothingToDo(said) => assert!(said.contains(words), "{said}"),
        other => panic!("{verb:?}: {other:?}"),
    }
}

#[track_caller]
fn assert_already(verb: &Verb, release: &ExchangeRelease, words: &str) {
    match ask(verb, release) {
        Plan::Already(said) => assert!(said.contains(words), "{said}"),
        other => panic!("{verb:?}: {other:?}"),
    }
}

#[test]
fn promote_writes_revision_and_name_together() {
    let change = sent(&Verb::Promote(None), &release("awaiting-approval"));
    let annotations = json!({
        "changeover.dev/promote": format!("{REVISION}@{TOKEN}"),
        "changeover.dev/promote-by": "ann",
    });
    let patch = json!({"metadata": {"uid": "5d0e", "annotations": annotations}});
    assert_eq!(change.patch(), patch);
}

#[test]
fn a_promotion_without_a_name_takes_the_last_one_away() {
    let awaiting = release("awaiting-approval");
    let Plan::Send(change) = plan(&Verb::Promote(None), &awaiting, None, now()) else {
        panic!("not sent");
    };
    let annotations = &change.patch()["metadata"]["annotations"];
    assert!(annotations[names::PROMOTE_BY].is_null(), "{annotations}");
}

#[test]
fn promote_takes_the_revision_that_the_person_saw() {
    for seen in ["9be1d07c52", "v1:9be1d07c52", REVISION] {
        // So it is approved before it is verified, too.
        for state in ["preparing", "awaiting-approval"] {
            let change = sent(&Verb::Promote(Some(seen.to_owned())), &release(state));
            assert_eq!(change.revision.as_deref(), Some(REVISION));
        }
    }
    let other = Verb::Promote(Some("4f0c2a9b7d".to_owned()));
    let Plan::Refused(said) = ask(&other, &release("awaiting-approval")) else {
        panic!("approved a revision that nobody named");
    };
    assert!(said.contains("kubectl exr get shop"), "{said}");
}

#[test]
fn promote_says_what_it_would_take() {
    let promote = Verb::Promote(None);
    for state in [
        "unseen",
        "switching",
        "baking",
        "live",
        "rejected",
        "rolled-back",
    ] {
        assert_nothing_to_do(&promote, &release(state), "nothing waits to go live");
    }
    assert_nothing_to_do(&promote, &release("preparing"), "wait shop --for=approval");
    assert_nothing_to_do(&promote, &release("verifying"), "by itself");
    assert_already(&promote, &release("paused"), "by ann@acme.example");
}

#[test]
fn abort_gives_up_what_goes_on() {
    for state in [
        "unseen",
        "preparing",
        "verifying",
        "paused",
        "switching",
        "baking",
        "warm",
    ] {
        let change = sent(&Verb::Abort, &release(state));
        let annotations = json!({"changeover.dev/abort": TOKEN});
        assert_eq!(change.patch()["metadata"]["annotations"], annotations);
        assert_eq!(change.token.as_deref(), Some(TOKEN));
    }
    assert_already(&Verb::Abort, &release("rolling-back"), "RollingBack");
    for state in ["live", "rejected"] {
        assert_nothing_to_do(&Verb::Abort, &release(state), "no release goes on");
    }
}

#[test]
fn abort_is_left_to_the_operator_where_a_release_may_begin() {
    // A retry that no operator has seen.
    sent(&Verb::Abort, &release("rolled-back"));
    let mut edited = release("live");
    edited.metadata.generation = Some(8);
    sent(&Verb::Abort, &edited);
}

#[test]
fn rollback_needs_an_old_colour() {
    for state in ["switching", "baking", "warm"] {
        let change = sent(&Verb::Rollback, &release(state));
        let annotations = json!({"changeover.dev/rollback": TOKEN});
        assert_eq!(change.patch()["metadata"]["annotations"], annotations);
    }
    assert_already(&Verb::Rollback, &release("rolling-back"), "RollingBack");
    for state in ["preparing", "verifying", "awaiting-approval"] {
        assert_nothing_to_do(&Verb::Rollback, &release(state), "abort gives it up");
        // The candidate was warm: the spec has gone back to it.
        let revert = changed(&release(state), |status| {
            status.warm_until = release("warm").status.unwrap().warm_until;
        });
        sent(&Verb::Rollback, &revert);
    }
    for state in ["unseen", "live", "rejected", "rolled-back"] {
        assert_nothing_to_do(&Verb::Rollback, &release(state), "no old colour");
    }
    let first = changed(&release("baking"), |status| status.warm = None);
    assert_nothing_to_do(&Verb::Rollback, &first, "no old colour");
}

#[test]
fn retry_needs_a_rejected_revision() {
    for state in ["rejected", "rolled-back"] {
        let change = sent(&Verb::Retry, &release(state));
        let annotations = json!({"changeover.dev/retry": TOKEN});
        assert_eq!(change.patch()["metadata"]["annotations"], annotations);
    }
    for state in ["unseen", "preparing", "warm", "live"] {
        assert_nothing_to_do(&Verb::Retry, &release(state), "nothing is rejected");
    }
    let paused = annotated(&release("rejected"), names::PAUSE, "true");
    assert_nothing_to_do(&Verb::Retry, &paused, "resume first");
}

#[test]
fn pause_and_resume_are_a_state() {
    let pause = sent(&Verb::Pause, &release("preparing"));
    let annotations = json!({"changeover.dev/pause": "true"});
    assert_eq!(pause.patch()["metadata"]["annotations"], annotations);
    let resume = sent(&Verb::Resume, &release("paused"));
    let annotations = json!({"changeover.dev/pause": null});
    assert_eq!(resume.patch()["metadata"]["annotations"], annotations);
    assert_already(&Verb::Pause, &release("paused"), "paused already");
    assert_already(&Verb::Resume, &release("preparing"), "not paused already");
    // Asked for, and not seen yet: both directions are written.
    sent(&Verb::Pause, &release("warm"));
    sent(&Verb::Resume, &release("warm"));
}
