//! What programs read with `-o json`: the guide names every field and every word, and no others.

use std::collections::{BTreeMap, BTreeSet};

use changeover_cli::ask::Outcome;
use changeover_cli::view::View;
use changeover_cli::wait::Ending;
use changeover_crds::{ResourceExt, names};
use serde::Serialize;
use serde_json::Value;

use crate::states::{self, State, now};

const GUIDE: &str = include_str!("../../../../docs/plugin.md");

/// Fields by where they stand, each with texts: those that were seen in it, or the words that the guide lets it be.
type Fields = BTreeMap<(String, String), BTreeSet<String>>;

#[test]
fn the_guide_names_every_outcome() {
    let (_, outcomes) = GUIDE.split_once("`outcome` of a request: ").unwrap();
    let (of_request, of_wait) = outcomes.split_once("Of a wait: ").unwrap();
    let of_wait = of_wait.lines().next().unwrap();
    let is_no_flag = |word: &&str| !word.starts_with('-');
    let of_request: Vec<&str> = quoted(of_request).filter(is_no_flag).collect();
    assert_eq!(of_request, written(&Outcome::ALL));
    assert_eq!(quoted(of_wait).collect::<Vec<_>>(), written(&Ending::ALL));
}

#[test]
fn the_guide_names_every_field_of_a_screen() {
    let (seen, told) = (seen(), told());
    let keys = |fields: &Fields| fields.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&seen), keys(&told), "seen, and told in the guide");
}

#[test]
fn the_guide_names_every_word_of_a_field_that_has_few() {
    let seen = seen();
    let told = told().into_iter().filter(|(_, words)| !words.is_empty());
    let told: Fields = told.collect();
    assert_eq!(told.len(), 5, "{told:?}");
    for (field, words) in told {
        assert_eq!(
            seen[&field], words,
            "{field:?}: seen, and told in the guide"
        );
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn written(all: &[impl Serialize]) -> Vec<String> {
    let written = all.iter().map(|one| serde_json::to_value(one).unwrap());
    written
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

/// What the guide tells.
fn told() -> Fields {
    let rows = GUIDE.lines().skip_while(|l| *l != "| in | field | |");
    let rows = rows.skip(2).take_while(|l| l.starts_with('|'));
    let mut told = Fields::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, place, fields, meaning, _] = cells[..] else {
            panic!("{row}");
        };
        let place = place.trim_matches('`');
        for field in quoted(fields) {
            told.insert((place.to_owned(), field.to_owned()), words(meaning));
        }
    }
    told
}

/// The words that a cell lists, if it holds nothing else.
fn words(cell: &str) -> BTreeSet<String> {
    let parts = cell.split(", ").map(|part| {
        let word = part.strip_prefix('`')?.strip_suffix('`')?;
        (!word.contains('`')).then(|| word.to_owned())
    });
    parts.collect::<Option<_>>().unwrap_or_default()
}

/// What the screens of all states hold.
fn seen() -> Fields {
    let mut all: Vec<State> = states::names().iter().map(|n| State::read(n)).collect();
    // A pause whose end no operator has seen has no screen of its own.
    let mut ending = State::read("paused");
    ending.release.annotations_mut().remove(names::PAUSE);
    all.push(ending);
    let mut seen = Fields::new();
    for State { release, pods } in &all {
        let view = View::of(release, pods, now());
        note(".", &serde_json::to_value(&view).unwrap(), &mut seen);
    }
    seen
}

/// Notes the fields of an object and of those within it, but for the status, which is the resource's.
fn note(place: &str, object: &Value, seen: &mut Fields) {
    for (name, value) in object.as_object().into_iter().flatten() {
        let inner = format!("{}.{name}", place.trim_end_matches('.'));
        match value {
            Value::Object(_) if name != "status" => note(&inner, value, seen),
            Value::Array(items) => {
                let place = format!("{inner}[]");
                items.iter().for_each(|item| note(&place, item, seen));
            }
            // It may be anything.
            Value::Null => {}
            _ => {
                let field = (place.to_owned(), name.clone());
                let texts = seen.entry(field).or_default();
                texts.extend(value.as_str().map(str::to_owned));
            }
        }
    }
}
