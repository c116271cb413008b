//! Whether an answer is what a probe expects.

use changeover_crds::Expectation;
use serde_json::Value;

use crate::jsonpath::{self, Selected};

/// What came back. The shell cuts the body at 64 KiB and follows no redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// Longest piece of an answer, or of what was expected, that is shown to people.
const SHOWN: usize = 120;

/// Checks an answer.
///
/// # Errors
/// Says which expectation failed and what came back instead.
pub fn judge(expect: &Expectation, answer: &Answer) -> Result<(), String> {
    if answer.status != expect.status {
        return Err(format!(
            "expected status {}, got {}",
            expect.status, answer.status
        ));
    }
    if expect.json.is_empty() {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(&answer.body).map_err(|_| {
        format!(
            "expected a JSON body, got {} bytes that are not JSON",
            answer.body.len()
        )
    })?;
    for (path, wanted) in &expect.json {
        let came = match jsonpath::select(path, &body)? {
            Selected::One(found) if found == wanted => continue,
            Selected::One(found) => format!("got {}", show(found)),
            Selected::Nothing => "but nothing is there".to_owned(),
            Selected::Many(count) => format!("got {count} values"),
        };
        let wanted = show(wanted);
        return Err(format!("expected {path} to be {wanted}, {came}"));
    }
    Ok(())
}

pub(crate) fn show(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    let head: String = text.chars().take(SHOWN).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use super::{Answer, judge};
    use changeover_crds::Expectation;
    use serde_json::json;

    fn expect(path: &str, value: serde_json::Value) -> Expectation {
        Expectation {
            status: 200,
            json: [(path.to_owned(), value)].into(),
        }
    }
    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn the_failing_expectation_is_named_with_what_came_back() {
        let version = expect("$.version", json!("3.0.0"));
        assert_eq!(
            judge(&version, &answer(200, r#"{"version":"3.0.0"}"#)),
            Ok(())
        );
        for (got, message) in [
            (answer(500, ""), "expected status 200, got 500"),
            (
                answer(200, r#"{"version":"2"}"#),
                r#"expected $.version to be "3.0.0", got "2""#,
            ),
            (
                answer(200, "{}"),
                r#"expected $.version to be "3.0.0", but nothing is there"#,
            ),
            (
                answer(200, "<html>"),
                "expected a JSON body, got 6 bytes that are not JSON",
            ),
        ] {
            assert_eq!(judge(&version, &got), Err(message.to_owned()));
        }
    }

    #[test]
    fn long_answers_are_cut() {
        let (long, longer) = ("x".repeat(5000), json!("y".repeat(5000)));
        let long = format!(r#"{{"version":"{long}"}}"#);
        let message = judge(&expect("$.version", longer), &answer(200, &long)).unwrap_err();
        assert!(message.len() < 350, "{message}");
    }
}
