//! In each state, for each target: reached, ended otherwise, or on the way.

use changeover_cli::wait::{Ending, Target, judge};
use changeover_crds::{ExchangeRelease, ResourceExt, names};

use crate::states::{annotated, changed, names as states, release};

const TARGETS: [&str; 6] = [
    "live",
    "verified",
    "approval",
    "rejected",
    "rolledback",
    "settled",
];
/// A column for each target: `=` reached, `x` ended otherwise, `.` on the way.
const ENDINGS: [(&str, &str); 12] = [
    ("unseen", "......"),
    ("preparing", "......"),
    ("verifying", "......"),
    ("awaiting-approval", ".==..."),
    // Approved already: nobody is asked any more.
    ("paused", ".=x..."),
    ("switching", ".=x..."),
    ("baking", ".=x..."),
    // A pause that no operator has seen.
    ("warm", "......"),
    ("live", "==xxx="),
    ("rejected", "xxx=x="),
    ("rolling-back", "......"),
    // A retry that no operator has seen.
    ("rolled-back", "......"),
];

fn endings(release: &ExchangeRelease) -> String {
    let targets = TARGETS.iter().map(|target| target.parse().unwrap());
    let endings = targets.map(|target| match judge(&target, release) {
        Some(Ending::Reached) => '=',
        Some(Ending::Otherwise) => 'x',
        Some(Ending::TimedOut) => 't',
        None => '.',
    });
    endings.collect()
}

#[test]
fn every_state_ends_the_waits_that_it_should() {
    for (state, expected) in ENDINGS {
        assert_eq!(endings(&release(state)), expected, "{state}");
    }
    let untold = states().into_iter().filter(|state| {
        let told = ENDINGS.iter().any(|(told, _)| told == state);
        !told && state != "hidden-pods"
    });
    assert_eq!(untold.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn once_the_operator_has_seen_the_request_it_ends() {
    let mut warm = release("warm");
    warm.annotations_mut().clear();
    assert_eq!(endings(&warm), "==xx.=");
    let mut rolled_back = release("rolled-back");
    rolled_back.annotations_mut().remove(names::RETRY);
    assert_eq!(endings(&rolled_back), "xxxx==");
}

/// The phase says so of the other version, for a moment: `Live` follows.
#[test]
fn a_spec_that_has_gone_back_to_what_is_live_was_not_rolled_back() {
    let mut back = release("rolled-back");
    back.annotations_mut().remove(names::RETRY);
    let live = back.status.as_ref().unwrap().live.clone().unwrap();
    back.spec.version = live.version.clone();
    assert_eq!(endings(&back), "....==");
    // The same name, of another revision.
    let same = changed(&back, |status| {
        status.rejected.as_mut().unwrap().version = live.version.clone()
    });
    assert_eq!(endings(&same), "xxxx==");
}

#[test]
fn a_status_of_an_older_spec_ends_nothing() {
    for state in ["live", "rejected"] {
        let mut edited = release(state);
        edited.metadata.generation = Some(8);
        assert_eq!(endings(&edited), "......", "{state}");
    }
    let mut named = release("live");
    named.spec.version = "1.6.0".to_owned();
    assert_eq!(endings(&named), "......", "the older version is live");
}

#[test]
fn a_spec_that_cannot_be_carried_out_ends_every_wait() {
    let invalid = changed(&release("live"), |status| {
        let mut stalled = status.conditions[0].clone();
        stalled.type_ = "Stalled".to_owned();
        stalled.reason = "InvalidSpec".to_owned();
        status.conditions.push(stalled);
    });
    assert_eq!(endings(&invalid), "xxxxxx");
}

#[test]
fn a_condition_is_awaited_with_a_status_and_of_this_spec() {
    let rejected = release("rejected");
    let judged = |target: &str| judge(&target.parse().unwrap(), &rejected);
    assert_eq!(judged("condition=ready=false"), Some(Ending::Reached));
    assert_eq!(judged("condition=Ready"), None);
    assert_eq!(judged("condition=Drained"), None);
    let older = changed(&rejected, |status| {
        status.conditions[0].observed_generation = Some(6);
    });
    assert_eq!(
        judge(&"condition=Ready=False".parse().unwrap(), &older),
        None
    );
    // A request on its way does not undo a condition.
    let asked = annotated(&rejected, names::RETRY, "new");
    let target = "condition=Ready=False".parse().unwrap();
    assert_eq!(judge(&target, &asked), Some(Ending::Reached));
}

#[test]
fn targets_that_do_not_exist_are_refused() {
    for wrong in ["happy", "condition=", "condition"] {
        let error = wrong.parse::<Target>().unwrap_err();
        assert!(error.contains("rolledback"), "{error}");
    }
}
