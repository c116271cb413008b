//! What came back for one request, and who answered it.

use hyper::body::Bytes;
use hyper::{HeaderMap, StatusCode};

use crate::outcome::Outcome;

/// A service of one colour and version, as an answer's headers name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub colour: String,
    pub version: String,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// Who answered; `None` when the headers do not say.
    pub origin: Option<Origin>,
    /// The hops show more than one colour or version: the release was not one exchange for this
    /// request.
    pub mixed: bool,
    pub body: Bytes,
}

/// Why there is no whole answer.
#[derive(Debug)]
pub struct NoAnswer {
    pub outcome: Outcome,
    pub detail: String,
}

/// What came of one request, and what it was judged to be.
pub type Exchanged = Result<Answer, NoAnswer>;

impl Answer {
    pub fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let origin = header("x-exchange-version").map(|version| Origin {
            colour: header("x-exchange-colour").unwrap_or("none").to_owned(),
            version: version.to_owned(),
        });
        Self {
            status,
            origin,
            mixed: header("x-exchange-hops").is_some_and(is_mixed),
            body,
        }
    }

    /// Status, problem and who answered. Not the problem's detail: that may quote what a person sent.
    pub fn summary(&self) -> String {
        let mut text = self.status.to_string();
        for field in ["title", "type"] {
            if let Some(value) = self.text(field) {
                text += &format!(", {value}");
            }
        }
        if let Some(Origin { colour, version }) = &self.origin {
            text += &format!(", from {colour}/{version}");
        }
        text
    }

    /// A string at the top level of a JSON body.
    pub fn text(&self, field: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        body.get(field)?.as_str().map(str::to_owned)
    }
}

/// Whether `service/version/colour` hops differ in version or colour.
fn is_mixed(hops: &str) -> bool {
    let mut origins = hops
        .split(',')
        .filter_map(|hop| hop.trim().split_once('/'))
        .map(|(_service, origin)| origin);
    let first = origins.next();
    origins.any(|origin| Some(origin) != first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_names_the_problem_and_who_had_it_but_not_its_detail() {
        let body = r#"{"type": "/problems/keys", "title": "Unavailable", "detail": "person"}"#;
        let mut headers = HeaderMap::new();
        headers.insert("x-exchange-version", "2.0.0".parse().unwrap());
        headers.insert("x-exchange-colour", "green".parse().unwrap());
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let answer = Answer::new(unavailable, &headers, Bytes::from(body));
        assert_eq!(
            answer.summary(),
            "503 Service Unavailable, Unavailable, /problems/keys, from green/2.0.0"
        );
        let bare = Answer::new(unavailable, &HeaderMap::new(), Bytes::new());
        assert_eq!(bare.summary(), "503 Service Unavailable");
    }

    #[test]
    fn hops_of_one_release_are_not_mixed() {
        assert!(!is_mixed("trade/2.0.0/green,user/2.0.0/green"));
        assert!(!is_mixed("trade/2.0.0/green, user/2.0.0/green"));
        assert!(!is_mixed("trade/2.0.0/green"));
        assert!(!is_mixed(""));
    }

    #[test]
    fn two_versions_or_two_colours_are_mixed() {
        assert!(is_mixed("trade/2.0.0/green,user/1.0.0/blue"));
        assert!(is_mixed("trade/2.0.0/green,user/2.0.0/blue"));
        assert!(is_mixed(
            "trade/2.0.0/green,user/2.0.0/green,user/1.0.0/green"
        ));
    }
}
