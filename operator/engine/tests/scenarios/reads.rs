//! What decisions rest on. No stories: a story looks at what becomes of a release, not at what was read for it.

use changeover_crds::Phase;
use changeover_engine::{Children, Reads, Step};
use jiff::SignedDuration;

use crate::model::{Fate, Pass, World, exchange, live};

/// A second version, in this phase.
fn second(phase: &str) -> World {
    let mut w = live();
    w.apply(exchange("2"));
    w.until(phase);
    w
}

/// What each pass rests on, in short, until the release is in this phase.
fn rested_on(w: &mut World, phase: &str) -> Vec<(&'static str, Reads)> {
    let mut seen = Vec::new();
    while w.phase() != phase {
        let decision = w.decision();
        let what = match &decision.step {
            Step::Status(next) if next.phase == Some(Phase::RollingBack) => "go back",
            Step::Status(next) if next.phase == Some(Phase::Switching) => "open the switch",
            Step::Requests(requests) => requests[0].verb(),
            _ => "else",
        };
        let rests = (what, decision.reads);
        if what != "else" && !seen.contains(&rests) {
            seen.push(rests);
        }
        if matches!(w.step(), Pass::Idle(_)) && !w.tick() {
            w.advance_clock(SignedDuration::from_secs(1));
        }
    }
    seen
}

#[test]
fn what_begins_rests_on_whether_there_are_clients() {
    let first = |w: &World| (w.decision().reads, w.decision().step.clone());
    let w = World::new(exchange("1"));
    let (reads, step) = first(&w);
    assert!(matches!(step, Step::Status(_)), "{step:?}");
    assert_eq!(reads, Reads::of(Children::Services));
    let mut w = live();
    w.edit("ExchangeRelease", "shop", |r| {
        r["status"] = serde_json::Value::Null
    });
    assert_eq!(first(&w).0, Reads::of(Children::Everything));
}

#[test]
fn what_moves_clients_rests_on_what_is_ready() {
    let mut w = live();
    w.apply(exchange("2"));
    let expected = [
        ("apply", Reads::RELEASE),
        ("create", Reads::RELEASE),
        ("open the switch", Reads::of(Children::Readiness)),
        ("flip", Reads::of(Children::Readiness)),
    ];
    assert_eq!(rested_on(&mut w, "Baking"), expected);
}

#[test]
fn an_abort_waits_for_no_read() {
    let mut w = second("Baking");
    w.annotate("abort", "1");
    let rested = rested_on(&mut w, "RolledBack");
    assert!(rested.contains(&("go back", Reads::NOTHING)), "{rested:?}");
    let flip = ("flip", Reads::of(Children::Readiness));
    assert!(rested.contains(&flip), "{rested:?}");
}

/// Pods that a late watch does not show are no reason; a person needs none.
#[test]
fn a_first_install_is_given_up_on_everything_or_by_a_person() {
    let mut w = World::new(exchange("1"));
    w.until("Switching");
    let mut ordered = w.clone();
    w.break_pods("blue");
    let gives_up = |w: &World| match &w.decision().step {
        Step::Status(next) => next.phase == Some(Phase::Rejected),
        _ => false,
    };
    assert!(gives_up(&w), "{:?}", w.decision());
    assert_eq!(w.decision().reads, Reads::of(Children::Everything));
    ordered.annotate("abort", "1");
    assert!(gives_up(&ordered), "{:?}", ordered.decision());
    assert_eq!(ordered.decision().reads, Reads::of(Children::Services));
}

#[test]
fn what_the_flips_rest_on_is_read_while_pods_answer() {
    let mut w = second("Baking");
    // The old colour has begun to drain.
    while w.shell.pending.is_empty() {
        w.step();
    }
    w.annotate("abort", "1");
    w.until("RollingBack");
    let decision = w.decision();
    assert!(matches!(decision.step, Step::Ask(_)), "{decision:?}");
    assert_eq!(decision.reads, Reads::of(Children::Readiness));
}

#[test]
fn going_back_on_its_own_judgement_rests_on_everything() {
    let mut w = second("Baking");
    w.cluster.restart("user:2");
    let rested = rested_on(&mut w, "RolledBack");
    assert!(
        rested.contains(&("go back", Reads::of(Children::Everything))),
        "{rested:?}"
    );
}

#[test]
fn what_is_deleted_rests_on_everything() {
    let mut w = second("Warm");
    w.apply(exchange("3"));
    let rested = rested_on(&mut w, "Verifying");
    assert!(
        rested.contains(&("delete", Reads::EVERYTHING)),
        "{rested:?}"
    );
}

/// A watch of pods that is behind does not show those of the revision that had the colour before.
#[test]
fn what_gives_a_colour_to_another_revision_rests_on_its_pods() {
    let mut w = second("Warm");
    w.apply(exchange("3"));
    w.until("Preparing");
    let rested = rested_on(&mut w, "Verifying");
    let pods = Reads {
        release: true,
        children: Children::Readiness,
    };
    assert!(rested.contains(&("apply", pods)), "{rested:?}");
}

#[test]
fn words_about_progress_are_two_seconds_apart() {
    let mut w = live();
    w.apply(exchange("2"));
    w.fate("user:2", Fate::Ready(3));
    w.until("Preparing");
    w.advance_clock(SignedDuration::from_secs(3));
    let mut written = Vec::new();
    while w.phase() == "Preparing" {
        let decision = w.decision();
        let is_word =
            matches!(&decision.step, Step::Status(s) if s.phase == Some(Phase::Preparing));
        written.extend(is_word.then_some(w.clock));
        if matches!(w.step(), Pass::Idle(_)) {
            w.tick();
        }
    }
    assert!(!written.is_empty(), "nothing was told");
    let apart = written
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]));
    let least = apart.min().unwrap_or(SignedDuration::MAX);
    assert!(least >= SignedDuration::from_secs(2), "{written:?}");
}
