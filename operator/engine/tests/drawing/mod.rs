//! README draws the state machine; what is drawn is exactly what the stories were seen to do, and nothing else is done
//! under any fault or in any schedule.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::faults::courses;
use crate::model::World;

const README: &str = include_str!("../../README.md");

static DRAWN: LazyLock<BTreeSet<(String, String)>> = LazyLock::new(drawn);

/// Transitions of a run that are not drawn.
pub fn undrawn(world: &World) -> impl Iterator<Item = String> {
    let undrawn = world.transitions.difference(&DRAWN);
    undrawn.map(|(from, to)| format!("not drawn: {from} --> {to}"))
}

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
    let missing: Vec<_> = seen.difference(&DRAWN).collect();
    let invented: Vec<_> = DRAWN.difference(&seen).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not drawn: {missing:?}\nnever seen: {invented:?}"
    );
}
