use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the two places a release can stand in.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// The colour of a first release.
    Blue,
    /// The other one.
    Green,
}

impl Colour {
    /// Both colours, blue first.
    pub const ALL: [Self; 2] = [Self::Blue, Self::Green];

    /// The other colour.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }

    /// The value of the label `changeover.dev/colour`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// Reads a label value; `None` for anything that is not a colour.
    #[must_use]
    pub fn from_label(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == value)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
