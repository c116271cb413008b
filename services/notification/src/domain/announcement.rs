//! What operators tell everybody who agreed to hear of it.

use thiserror::Error;

/// What user calls the consent that announcements need.
pub const PURPOSE: &str = "announcements";
/// Most characters of a version, a title and a text.
const VERSION: usize = 64;
const TITLE: usize = 200;
const TEXT: usize = 4000;

/// News of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// What is released; announced once.
    pub version: String,
    pub title: String,
    pub text: String,
}

/// What is wrong with an announcement.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AnnouncementError {
    #[error("{0} must have between 1 and {1} characters, none of them a control character")]
    Text(&'static str, usize),
}

impl Announcement {
    pub fn new(version: &str, title: &str, text: &str) -> Result<Self, AnnouncementError> {
        Ok(Self {
            version: words("version", version, VERSION)?,
            title: words("title", title, TITLE)?,
            text: words("text", text, TEXT)?,
        })
    }
}

fn words(name: &'static str, words: &str, most: usize) -> Result<String, AnnouncementError> {
    let words = words.trim();
    let is_odd = |c: char| c.is_control() && c != '\n';
    if words.is_empty() || words.chars().count() > most || words.contains(is_odd) {
        return Err(AnnouncementError::Text(name, most));
    }
    Ok(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_has_words_of_bounded_length() {
        let good = Announcement::new(" 2.0.0 ", "Faster", "Orders\nare faster.");
        assert_eq!(good.unwrap().version, "2.0.0");
        for (version, title, text, wrong) in [
            ("", "t", "x", "version"),
            ("2", " ", "x", "title"),
            ("2", "t", "\0", "text"),
            (&"2".repeat(VERSION + 1), "t", "x", "version"),
        ] {
            let error = Announcement::new(version, title, text).unwrap_err();
            assert!(error.to_string().starts_with(wrong), "{error}");
        }
    }
}
