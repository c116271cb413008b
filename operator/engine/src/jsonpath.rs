//! JSONPath (RFC 9535) as expectations and captures use it: a path to one value.

use serde_json::Value;
use serde_json_path::JsonPath;

/// Longest path, in characters.
const LENGTH: usize = 256;
/// How much is shown of a longer one.
const SHOWN: usize = 40;
/// Parentheses within each other: the parser calls itself for each.
const PARENTHESES: usize = 8;

/// What a path leads to.
pub(crate) enum Selected<'v> {
    /// Exactly one value.
    One(&'v Value),
    /// No value.
    Nothing,
    /// So many values.
    Many(usize),
}

/// Reads a path. Parser and evaluation have no limits of their own, and one path must not hold up the releases of
/// others: what could run away is refused before it is parsed.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn parse(path: &str) -> Result<JsonPath, String> {
    if path.chars().count() > LENGTH {
        let start: String = path.chars().take(SHOWN).collect();
        return Err(format!(
            "{start}… has more than {LENGTH} characters: write a shorter path"
        ));
    }
    if let Some(why) = runs_away(&unquoted(path)) {
        return Err(format!("{path} {why}"));
    }
    JsonPath::parse(path).map_err(|error| format!("{path} is no JSONPath (RFC 9535): {error}"))
}

/// A path without its names and literals in quotes.
fn unquoted(path: &str) -> String {
    let mut rest = path.chars();
    let mut quote = None;
    let mut bare = String::new();
    while let Some(c) = rest.next() {
        match quote {
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None => bare.push(c),
            Some(_) if c == '\\' => drop(rest.next()),
            Some(open) if open == c => quote = None,
            Some(_) => {}
        }
    }
    bare
}

/// Why a path could cost more than its answer is long, and what to write instead.
fn runs_away(bare: &str) -> Option<&'static str> {
    let descents = bare.matches("..").count();
    // Each visits everything below everything that the one before it visited.
    if descents > 1 {
        return Some("has more than one `..`: name the members on the way instead");
    }
    // Everything below a value is looked at for every value on the way there.
    if descents > 0 && bare.contains('?') {
        return Some("has a filter and `..`: name the members on the way instead");
    }
    // Their pattern is compiled anew for every value, and may come from the answer.
    if ["match(", "search("].iter().any(|name| bare.contains(name)) {
        return Some("uses match() or search(), which are not supported: compare with == instead");
    }
    let mut open = Vec::new();
    for c in bare.chars() {
        let within = |bracket| open.iter().filter(|b| **b == bracket).count();
        match c {
            // The parser takes twice as long for each filter around a filter.
            '?' if within('[') > 1 => {
                return Some("has a filter within a filter: filter by members alone");
            }
            '$' if within('[') > 0 => {
                return Some(
                    "starts from $ within a filter: start from @, the value that is filtered",
                );
            }
            // As often as it is written, each value is selected again.
            ',' if open.last() == Some(&'[') => {
                return Some("has a list in brackets: name the one that is meant");
            }
            '(' if within('(') >= PARENTHESES => {
                return Some("has too many parentheses within each other: write fewer");
            }
            '[' | '(' => open.push(c),
            ']' | ')' => drop(open.pop()),
            _ => {}
        }
    }
    None
}

/// Follows a path.
///
/// # Errors
/// See [`parse`].
pub(crate) fn select<'v>(path: &str, value: &'v Value) -> Result<Selected<'v>, String> {
    let found = parse(path)?.query(value).all();
    Ok(match found.as_slice() {
        [only] => Selected::One(only),
        [] => Selected::Nothing,
        many => Selected::Many(many.len()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Selected, parse, select};

    /// Without the limits, most of these would not end, or end the process.
    #[test]
    fn a_path_that_could_run_away_is_refused() {
        let nested = |count: usize, open: &str, within: &str, close: &str| {
            format!("$[?{}{within}{}]", open.repeat(count), close.repeat(count))
        };
        for (path, words) in [
            ("$..a..b".to_owned(), "more than one `..`"),
            ("$..[?@.a]".to_owned(), "a filter and `..`"),
            ("$[?@..a == 1]".to_owned(), "a filter and `..`"),
            (nested(60, "@[?", "@", "]"), "a filter within a filter"),
            (nested(60, "@[?", "@", ""), "a filter within a filter"),
            (
                "$[?count(@[?@.a]) > 1]".to_owned(),
                "a filter within a filter",
            ),
            (
                "$[?@['it\\'s'][?@.a]]".to_owned(),
                "a filter within a filter",
            ),
            ("$[?count($.*) > 1]".to_owned(), "start from @"),
            ("$[*,*]".repeat(40), "a list in brackets"),
            ("$[?count(@['a','b']) > 1]".to_owned(), "a list in brackets"),
            (nested(9, "(", "@.a", ")"), "too many parentheses"),
            (nested(9, "value(", "@.a", ")"), "too many parentheses"),
            (nested(100_000, "(", "@.a", ")"), "more than 256 characters"),
            (format!("$.{}", "ä".repeat(255)), "more than 256 characters"),
            ("$[?match(@.a, '\\\\w{500}')]".to_owned(), "compare with =="),
            ("$[?!search(@.a, @.b)]".to_owned(), "compare with =="),
            ("id".to_owned(), "RFC 9535"),
        ] {
            let why = parse(&path).unwrap_err();
            assert!(why.contains(words) && why.len() < 1000, "{why}");
        }
    }

    #[test]
    fn what_people_write_is_understood() {
        let answer = json!({
            "version": "2", "a..b": {"?": 7}, "match": 6, "tags": ["x", "y", "z"],
            "orders": [
                {"id": "o'1", "side": "buy", "price": 3, "fills": [{"at": 1}]},
                {"id": "o2", "side": "sell", "price": 4, "fills": []},
            ],
        });
        for (path, wanted) in [
            ("$.version", json!("2")),
            ("$['a..b'][\"?\"]", json!(7)),
            ("$.match", json!(6)),
            ("$..at", json!(1)),
            ("$.tags[-1]", json!("z")),
            ("$.tags[1:2]", json!("y")),
            ("$.orders[?@.side=='buy'].price", json!(3)),
            (
                "$.orders[?@.side == \"sell\" && (@.price > 3 || !@.id)].id",
                json!("o2"),
            ),
            ("$.orders[?@.id == 'o\\'1'].fills[?@.at < 2].at", json!(1)),
            ("$.orders[?length(@.fills) == 0].id", json!("o2")),
            ("$.orders[?count(@.fills[*]) > 0].price", json!(3)),
            ("$.orders[?value(@.fills[*].at) == 1].price", json!(3)),
            ("$.orders[?@.id != '$[?(,']['side'][?@]", Value::Null),
        ] {
            match select(path, &answer).unwrap() {
                Selected::One(found) => assert_eq!(*found, wanted, "{path}"),
                _ => assert_eq!(wanted, Value::Null, "{path}"),
            }
        }
    }

    /// The dearest of what is left, each over the largest answer that is read.
    #[test]
    fn a_path_costs_no_more_than_its_answer_is_long() {
        let wide = format!("[{}]", vec!["1"; 32_000].join(","));
        let brackets = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
        let deep = format!("[{}]", vec![brackets(120); 270].join(","));
        let filters = format!("${}", "[?@==@]".repeat(36));
        let terms = format!("$[?{}@==@]", "@==@&&".repeat(41));
        let descents = format!("$..{}*", "*.".repeat(120));
        for answer in [wide, deep] {
            let answer: Value = serde_json::from_str(&answer).unwrap();
            for path in [&filters, &terms, &descents, "$[?count(@[*][*][*]) >= 0]"] {
                assert!(select(path, &answer).is_ok(), "{path}");
            }
        }
    }
}
