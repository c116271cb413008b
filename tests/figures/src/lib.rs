//! What a test did, in numbers: a line, and a file of that line for `make test` to gather.
//!
//! ```text
//! engine tier, pairs of crashes: scenarios 97, pairs 2464391, violations 0, seconds 41.3
//! ```

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

/// Numbers of one test, in the order in which they are told.
#[derive(Debug)]
pub struct Figures {
    tier: &'static str,
    test: String,
    words: String,
}

impl Figures {
    /// No number yet.
    #[must_use]
    pub fn of(tier: &'static str, test: impl Into<String>) -> Self {
        Self {
            tier,
            test: test.into(),
            words: String::new(),
        }
    }

    /// Adds a number.
    pub fn put(&mut self, what: &str, number: impl Display) {
        let comma = if self.words.is_empty() { "" } else { ", " };
        self.words.push_str(&format!("{comma}{what} {number}"));
    }

    /// Adds how long it took.
    pub fn took(&mut self, time: Duration) {
        self.put("seconds", format_args!("{:.1}", time.as_secs_f64()));
    }

    /// Prints the line; writes it into the directory that `CHANGEOVER_FIGURES` names, if it does.
    ///
    /// # Errors
    /// If that file cannot be written.
    pub fn tell(self) -> io::Result<()> {
        let (tier, test) = (self.tier, &self.test);
        let line = format!("{tier} tier, {test}: {}", self.words);
        println!("{line}");
        let Some(directory) = std::env::var_os("CHANGEOVER_FIGURES") else {
            return Ok(());
        };
        fs::create_dir_all(&directory)?;
        let name = format!("{tier}-{}", test.replace(' ', "-"));
        fs::write(Path::new(&directory).join(name), line + "\n")
    }
}
