//! docs/events.md names every Event, and every reason of a condition.

use changeover_engine::{News, Reason};

use crate::faults::courses;

const DOCS: &str = include_str!("../../../../docs/events.md");

/// The rows of the table under a heading.
fn table(heading: &str) -> Vec<&'static str> {
    let below = DOCS.lines().skip_while(|l| *l != heading);
    let rows = below.skip_while(|l| !l.starts_with("|---")).skip(1);
    rows.take_while(|l| l.starts_with('|')).collect()
}

#[test]
fn every_event_is_documented_as_it_is() {
    let rows = table("## Events");
    let row = |n: &News| format!("| `{}` | {} | {} |", n.as_str(), n.kind(), n.meaning());
    let wanted: Vec<String> = News::ALL.iter().map(row).collect();
    assert_eq!(
        rows,
        wanted,
        "docs/events.md should have:\n{}",
        wanted.join("\n")
    );
}

#[test]
fn the_table_of_conditions_has_every_reason_and_no_other() {
    // One cell may name several.
    let cells = table("## Conditions")
        .into_iter()
        .filter_map(|row| row.split('|').nth(1));
    let rows: Vec<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let wanted: Vec<&str> = Reason::ALL.iter().map(|r| r.as_str()).collect();
    assert_eq!(rows, wanted, "docs/events.md: reasons of conditions");
}

#[test]
fn every_reason_that_is_told_is_documented() {
    let mut seen = std::collections::BTreeSet::new();
    for course in courses() {
        seen.extend(course.world.reasons.iter().cloned());
    }
    assert!(seen.len() > 10, "{seen:?}");
    let is_missing = |r: &&String| !DOCS.contains(&format!("`{r}`"));
    let missing: Vec<_> = seen.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "not in docs/events.md: {missing:?}");
}

/// What no story leads to, nobody has seen work.
#[test]
fn every_event_and_every_reason_is_told_in_a_story() {
    let mut seen = std::collections::BTreeSet::new();
    for course in courses() {
        seen.extend(course.world.reasons.iter().map(String::as_str));
        seen.extend(course.world.events.iter().map(|(reason, _)| *reason));
    }
    let reasons = Reason::ALL.iter().map(|r| r.as_str());
    let all = reasons.chain(News::ALL.iter().map(|n| n.as_str()));
    let missing: Vec<&str> = all.filter(|reason| !seen.contains(reason)).collect();
    assert!(missing.is_empty(), "in no story: {missing:?}");
}

#[test]
fn every_bug_put_in_on_purpose_is_documented() {
    let docs = include_str!("../../../../docs/reliability.md");
    let tests = include_str!("../seeded/mod.rs")
        .split("#[test]\nfn ")
        .skip(1);
    let names = tests.filter_map(|test| test.split_once('(').map(|(name, _)| name));
    let bugs: Vec<&str> = names.filter(|n| !n.starts_with("without_")).collect();
    assert!(bugs.len() >= 10, "{bugs:?}");
    let is_missing = |name: &&&str| !docs.contains(&format!("`{name}`"));
    let missing: Vec<_> = bugs.iter().filter(is_missing).collect();
    assert!(
        missing.is_empty(),
        "not in docs/reliability.md: {missing:?}"
    );
}
