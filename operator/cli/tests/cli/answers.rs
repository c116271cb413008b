//! What is read from a later state of the release, once a request is written.

use changeover_cli::ask::{Answer, Change, Plan, Verb, answer, plan};
use changeover_crds::{
    Approval, ExchangeRelease, ExchangeReleaseStatus, Phase, Rejection, ResourceExt,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::states::{annotated, changed, now, release};

/// A request that was written over a state: what was written, and the release with it.
struct Asked {
    verb: Verb,
    change: Change,
    before: ExchangeRelease,
}

impl Asked {
    fn new(verb: Verb, state: &ExchangeRelease) -> Self {
        let Plan::Send(change) = plan(&verb, state, Some("ann"), now()) else {
            panic!("{verb:?} is not sent");
        };
        let mut before = state.clone();
        for (name, value) in &change.annotations {
            match value {
                Some(value) => before = annotated(&before, name, value),
                None => drop(before.annotations_mut().remove(*name)),
            }
        }
        let asked = Self {
            verb,
            change,
            before,
        };
        assert_eq!(
            asked.answer(&asked.before),
            None,
            "an answer before any was given"
        );
        asked
    }

    fn answer(&self, now: &ExchangeRelease) -> Option<Answer> {
        answer(&self.verb, &self.change, &self.before, now)
    }

    /// The operator has seen it, and has done this.
    fn after(&self, effect: impl FnOnce(&mut ExchangeReleaseStatus)) -> Option<Answer> {
        let token = self.change.token.clone();
        let later = changed(&self.before, |status| {
            match &self.verb {
                Verb::Promote(_) => status.handled.promote = token,
                Verb::Abort => status.handled.abort = token,
                Verb::Rollback => status.handled.rollback = token,
                Verb::Retry => status.handled.retry = token,
                Verb::Pause | Verb::Resume => {}
            }
            effect(status);
        });
        self.answer(&later)
    }
}

fn said(answer: Option<Answer>) -> String {
    match answer {
        Some(Answer::Taken(said)) => format!("taken: {said}"),
        Some(Answer::NothingToDo(said)) => format!("nothing: {said}"),
        None => "none".to_owned(),
    }
}

fn reject(status: &mut ExchangeReleaseStatus, phase: Phase) {
    status.phase = Some(phase);
    status.rejected = Some(Rejection {
        revision: "v1:9be1d07c52f3a8e64411".to_owned(),
        version: "1.5.0".to_owned(),
        reason: "Aborted".to_owned(),
        message: String::new(),
        at: MicroTime(now()),
    });
}

#[test]
fn promote_is_answered_by_the_approval() {
    let asked = Asked::new(Verb::Promote(None), &release("awaiting-approval"));
    let approved = asked.after(|status| {
        status.approval = Some(Approval {
            revision: asked.change.revision.clone().unwrap(),
            by: Some("ann".to_owned()),
            approver: "verified".to_owned(),
            at: MicroTime(now()),
        });
    });
    assert_eq!(
        said(approved),
        "taken: 9be1d07c52 approved by ann (verified): AwaitingApproval, 1.4.0 is live on blue"
    );
    let lapsed = asked.after(|_| {});
    assert!(said(lapsed).starts_with("nothing: there was nothing to do"));
}

#[test]
fn abort_and_rollback_are_answered_by_the_rejection() {
    let abort = Asked::new(Verb::Abort, &release("preparing"));
    let taken = abort.after(|status| reject(status, Phase::Rejected));
    assert_eq!(
        said(taken),
        "taken: 1.5.0 is given up: Rejected, 1.4.0 is live on blue"
    );
    assert!(said(abort.after(|_| {})).starts_with("nothing"));
    let rollback = Asked::new(Verb::Rollback, &release("warm"));
    let taken = rollback.after(|status| reject(status, Phase::RollingBack));
    assert!(said(taken).starts_with("taken: 1.5.0 is given up: RollingBack"));
    assert!(said(rollback.after(|_| {})).starts_with("nothing"));
}

#[test]
fn retry_is_answered_when_the_rejection_goes() {
    let retry = Asked::new(Verb::Retry, &release("rejected"));
    let taken = retry.after(|status| {
        status.phase = Some(Phase::Preparing);
        status.rejected = None;
    });
    assert!(said(taken).starts_with("taken: tried again: Preparing"));
    assert!(said(retry.after(|_| {})).starts_with("nothing"));
}

#[test]
fn pause_and_resume_are_answered_by_the_clock() {
    let pause = Asked::new(Verb::Pause, &release("preparing"));
    let since = MicroTime(now());
    let taken = pause.after(|status| status.paused_since = Some(since));
    assert!(said(taken).starts_with("taken: paused"));
    let resume = Asked::new(Verb::Resume, &release("paused"));
    let taken = resume.after(|status| status.paused_since = None);
    assert!(said(taken).starts_with("taken: goes on"));
}

#[test]
fn a_request_that_someone_replaced_is_not_waited_for() {
    let asked = Asked::new(Verb::Abort, &release("preparing"));
    let other = annotated(&asked.before, "changeover.dev/abort", "theirs");
    let said = said(asked.answer(&other));
    assert!(
        said.starts_with("nothing: someone asked anew") && said.contains("theirs"),
        "{said}"
    );
}
