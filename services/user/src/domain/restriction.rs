//! Who can restrict an account. Each lifts only what they restricted.

/// Who restricts an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The person whose account it is, by their right to restriction (GDPR, Article 18).
    Person,
    Operator,
}

impl Side {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Operator => "operator",
        }
    }
}
