//! Gates: a person's approval, and its end.

use jiff::SignedDuration;

use crate::model::{Pass, Story, World, exchange, live, spec};

use super::children::select;
use super::{stories, until_idle};

stories!(
    approved_release,
    live_breaks_while_another_waits,
    approval_of_another_revision,
    approval_given_early,
    approval_is_not_used_twice,
    nobody_approves,
    newer_spec_while_awaiting_approval,
    revert_to_live_while_awaiting_approval,
    changed_journey_while_awaiting_approval,
    a_selector_is_no_approval,
    mode_becomes_automatic,
    pods_replaced_while_awaiting_approval,
    approval_seen_late,
    contested_selector_while_awaiting_approval,
    approved_and_paused_past_the_timeout,
);

pub(super) fn manual(version: &str) -> serde_json::Value {
    spec(version, |s| {
        s["promotion"] = serde_json::json!({"mode": "Manual"})
    })
}

/// Version 2 is verified, and nobody has said anything yet.
pub(super) fn awaiting(name: &'static str) -> Story {
    Story::given(name, live())
        .when(|w| w.apply(manual("2")))
        .then("it waits, and says for what", |w| {
            assert_eq!(w.phase(), "AwaitingApproval");
            assert_eq!(w.status().live.unwrap().version, "1");
            let (_, message) = w.condition("Reconciling").unwrap();
            let revision = w.status().candidate.unwrap().revision;
            assert!(
                message.contains(&format!("promote={revision}")),
                "{message}"
            );
            assert!(w.condition("Ready").is_some() && w.condition("Verified").is_some());
        })
}

pub(super) fn approve(w: &mut World) {
    let revision = w.status().candidate.map(|c| c.revision).unwrap_or_default();
    w.annotate("promote-by", "alice");
    w.annotate("promote", &revision);
}

pub(super) fn version_2_is_live(w: &World) {
    assert_eq!(
        (
            w.phase().as_str(),
            w.status().live.unwrap().version.as_str()
        ),
        ("Warm", "2")
    );
}

pub(super) fn version_1_stays(w: &World) {
    assert_eq!(w.status().live.unwrap().version, "1");
    let selector = &w.raw("Service", "shop-user")["spec"]["selector"];
    assert_eq!(selector["changeover.dev/colour"], "blue");
}

fn approved_release() -> Story {
    awaiting("approved release")
        .when(approve)
        .then("it is live, and says who let it", |w| {
            version_2_is_live(w);
            let approval = w.status().approval.unwrap();
            assert_eq!(
                (approval.by.as_deref(), approval.approver.as_str()),
                (Some("alice"), "unverified")
            );
            assert_eq!(w.status().history[0].approved_by.as_deref(), Some("alice"));
        })
}

fn live_breaks_while_another_waits() -> Story {
    awaiting("live breaks while another waits")
        .when(|w| w.break_pods("blue"))
        .then("it is told beside what waits", |w| {
            assert_eq!(w.phase(), "AwaitingApproval");
            let (reason, message) = w.condition("Reconciling").unwrap();
            assert_eq!(reason, "LiveDegraded");
            assert!(message.contains("waits for an approval"), "{message}");
            assert!(message.contains(". 1 cannot serve: "), "{message}");
        })
}

fn approval_of_another_revision() -> Story {
    awaiting("approval of another revision")
        .when(|w| w.annotate("promote", "v1:0000"))
        .then("it still waits", |w| {
            assert_eq!(w.phase(), "AwaitingApproval");
            version_1_stays(w);
            assert_eq!(w.events.last().unwrap().0, "NothingToDo");
            assert_eq!(w.status().handled.promote.as_deref(), Some("v1:0000"));
        })
}

fn approval_given_early() -> Story {
    Story::given("approval given early", live())
        .when(|w| w.apply(manual("2")))
        .during("Preparing", approve)
        .then("it goes live as soon as it is verified", version_2_is_live)
}

fn approval_is_not_used_twice() -> Story {
    awaiting("approval is not used twice")
        .when(approve)
        .then("it is live", version_2_is_live)
        .when(|w| w.apply(exchange("1")))
        .then("1 is live again", |w| {
            assert_eq!(w.status().live.unwrap().version, "1")
        })
        .when(|w| w.apply(manual("2")))
        .then(
            "the old approval counts for nothing, and it says how to give another",
            |w| {
                assert_eq!(w.phase(), "AwaitingApproval");
                version_1_stays(w);
                let (_, message) = w.condition("Reconciling").unwrap();
                let revision = w.status().candidate.unwrap().revision;
                let how = format!("promote={revision}@<a new word>");
                assert!(message.contains(&how), "{message}");
            },
        )
        .when(|w| {
            let revision = w.status().candidate.map(|c| c.revision).unwrap_or_default();
            w.annotate("promote", &format!("{revision}@again"));
        })
        .then("a new one does", version_2_is_live)
}

fn nobody_approves() -> Story {
    awaiting("nobody approves")
        .after(86401)
        .then("it is rejected", |w| {
            version_1_stays(w);
            assert_eq!(w.status().rejected.unwrap().reason, "ApprovalTimeout");
            assert_eq!(w.phase(), "Rejected");
        })
}

fn newer_spec_while_awaiting_approval() -> Story {
    awaiting("newer spec while awaiting approval")
        .when(|w| w.apply(manual("3")))
        .then("the newer one waits", |w| {
            assert_eq!(w.phase(), "AwaitingApproval");
            assert_eq!(w.status().candidate.unwrap().version, "3");
        })
}

fn revert_to_live_while_awaiting_approval() -> Story {
    awaiting("revert to live while awaiting approval")
        .when(|w| w.apply(exchange("1")))
        .then("nothing happened", |w| {
            version_1_stays(w);
            assert_eq!(w.phase(), "Live");
            assert!(w.raw("Deployment", "shop-user-green").is_null());
        })
}

fn changed_journey_while_awaiting_approval() -> Story {
    awaiting("changed journey while awaiting approval")
        .when(|w| {
            let mut spec = manual("2");
            spec["verification"]["journeys"][0]["name"] = "another".into();
            w.apply(spec);
        })
        .then("it is verified anew", |w| {
            assert_eq!(w.phase(), "AwaitingApproval");
            let verified = w
                .events
                .iter()
                .filter(|(reason, _)| *reason == "Verified")
                .count();
            assert_eq!(verified, 3, "version 1, and 2 twice");
        })
}

fn a_selector_is_no_approval() -> Story {
    awaiting("a selector is no approval")
        .when(|w| {
            for service in ["shop-user", "shop-trade", "shop-notification"] {
                let green =
                    w.raw("Service", &format!("{service}-green"))["spec"]["selector"].clone();
                w.edit("Service", service, |s| s["spec"]["selector"] = green);
            }
        })
        .then("it is put back", |w| {
            version_1_stays(w);
            assert_eq!(w.phase(), "AwaitingApproval");
        })
}

fn mode_becomes_automatic() -> Story {
    awaiting("mode becomes automatic")
        .when(|w| w.apply(exchange("2")))
        .then("it needs nobody", version_2_is_live)
}

fn pods_replaced_while_awaiting_approval() -> Story {
    awaiting("pods replaced while awaiting approval")
        .when(|w| {
            w.delete_a_pod("user", "green");
            w.delete_a_pod("trade", "green");
        })
        .then("it still waits", |w| {
            assert_eq!(w.phase(), "AwaitingApproval")
        })
        .when(approve)
        .then("the new pods were probed first", version_2_is_live)
}

fn approval_seen_late() -> Story {
    awaiting("approval seen late")
        .when(|w| {
            approve(w);
            // The operator was away meanwhile.
            w.advance_clock(SignedDuration::from_hours(25));
        })
        .then("it counts all the same", version_2_is_live)
}

fn contested_selector_while_awaiting_approval() -> Story {
    awaiting("contested selector while awaiting approval")
        .when(|w| {
            for _ in 0..5 {
                select(w, "shop-user", "green");
                until_idle(w);
            }
            let (reason, _) = w.condition("Reconciling").unwrap();
            assert_eq!(reason, "SelectorContested");
            let Pass::Idle(Some(until)) = w.step() else {
                panic!("it is put back later");
            };
            assert!(until.duration_since(w.clock) <= SignedDuration::from_secs(1));
            w.clock = until;
        })
        .then(
            "it is put back within a second, and nothing was approved",
            |w| {
                assert_eq!(w.phase(), "AwaitingApproval");
                let selector = &w.raw("Service", "shop-user")["spec"]["selector"];
                assert_eq!(selector["changeover.dev/colour"], "blue");
            },
        )
        .after(61)
        .then("nobody contests it any more", |w| {
            assert_eq!(w.condition("Reconciling").unwrap().0, "AwaitingApproval");
        })
}

fn approved_and_paused_past_the_timeout() -> Story {
    awaiting("approved and paused past the timeout")
        .when(|w| {
            // Nobody looks meanwhile.
            w.advance_clock(SignedDuration::from_hours(25));
            let revision = w.status().candidate.unwrap().revision;
            w.annotate("promote", &revision);
            w.annotate("pause", "true");
        })
        .then("it waits for the end of the pause", |w| {
            assert_eq!(w.phase(), "AwaitingApproval");
            assert_eq!(w.condition("Ready").unwrap().0, "Paused");
        })
        .when(|w| w.annotate("pause", ""))
        .then("and goes live", |w| {
            assert_eq!(w.status().live.unwrap().version, "2");
        })
}
