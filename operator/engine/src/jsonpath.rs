//! JSONPath (RFC 9535) as expectations and captures use it: a path to one value.

use serde_json::Value;
use serde_json_path::JsonPath;

/// What a path leads to.
pub(crate) enum Selected<'v> {
    /// Exactly one value.
    One(&'v Value),
    /// No value.
    Nothing,
    /// So many values.
    Many(usize),
}

/// Reads a path.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn parse(path: &str) -> Result<JsonPath, String> {
    // Each `..` visits everything below everything that the one before it visited.
    if path.matches("..").count() > 1 {
        return Err(format!(
            "{path} has more than one `..`: name the members on the way instead"
        ));
    }
    JsonPath::parse(path).map_err(|error| format!("{path} is no JSONPath (RFC 9535): {error}"))
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
    use super::parse;

    #[test]
    fn a_path_that_could_run_away_is_refused() {
        assert!(parse("$..id").is_ok());
        assert!(parse("$..a..b").unwrap_err().contains("more than one"));
        assert!(parse("id").unwrap_err().contains("RFC 9535"));
    }
}
