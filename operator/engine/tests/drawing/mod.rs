//! README draws the state machine; what is drawn is exactly what the stories were seen to do.

use std::collections::BTreeSet;

use crate::faults::courses;

const README: &str = include_str!("../../README.md");

/// Lines such as `Preparing --> Verifying: all ready`.
fn drawn() -> BTreeSet<(String, String)> {
    let arrow = |line: &str| {
        let (from, rest) = line.trim().split_once(" --> ")?;
        let to = rest.split_once(':').map_or(rest, |(to, _)| to);
        let name = |s: &str| s.trim().replace("[*]", "None");
        Some((name(from), name(to)))
    };
    README.lines().filter_map(arrow).collect()
}

#[test]
fn readme_draws_the_transitions_that_happen() {
    let mut seen = BTreeSet::new();
    for course in courses() {
        seen.extend(course.world.transitions.iter().cloned());
    }
    let drawn = drawn();
    let missing: Vec<_> = seen.difference(&drawn).collect();
    let invented: Vec<_> = drawn.difference(&seen).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not drawn: {missing:?}\nnever seen: {invented:?}"
    );
}
