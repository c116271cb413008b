//! docs/events.md names every Event, and every reason of a condition that a story was seen to give.

use changeover_engine::News;

use crate::scenarios;

const DOCS: &str = include_str!("../../../../docs/events.md");

#[test]
fn every_event_is_documented_as_it_is() {
    let rows: Vec<&str> = DOCS
        .lines()
        .skip_while(|l| !l.starts_with("|---"))
        .skip(1)
        .collect();
    let rows: Vec<&str> = rows
        .into_iter()
        .take_while(|l| l.starts_with('|'))
        .collect();
    let row = |n: &News| format!("| `{}` | {} | {} |", n.reason(), n.kind(), n.meaning());
    let wanted: Vec<String> = News::ALL.iter().map(row).collect();
    assert_eq!(
        rows,
        wanted,
        "docs/events.md should have:\n{}",
        wanted.join("\n")
    );
}

#[test]
fn every_reason_of_a_condition_is_documented() {
    let mut seen = std::collections::BTreeSet::new();
    for story in scenarios::all() {
        seen.extend(story.run().reasons);
    }
    assert!(seen.len() > 10, "{seen:?}");
    let is_missing = |r: &&String| !DOCS.contains(&format!("`{r}`"));
    let missing: Vec<_> = seen.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "not in docs/events.md: {missing:?}");
}
