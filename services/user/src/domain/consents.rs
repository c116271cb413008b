//! What people can agree to.

use thiserror::Error;

/// Something that the exchange does only with a person's consent.
pub struct Purpose {
    pub name: &'static str,
    /// Raised with every change of the text: an older consent does not count for it.
    pub version: i32,
    pub text: &'static str,
}

/// All purposes. Trading needs none of them: it rests on the contract.
pub const PURPOSES: [Purpose; 2] = [
    Purpose {
        name: "announcements",
        version: 1,
        text: "The exchange may send me a notification when it releases a new version.",
    },
    Purpose {
        name: "research",
        version: 1,
        text: "The exchange may use my trades, under a pseudonym, to study its markets.",
    },
];

/// What is wrong with a consent.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConsentError {
    #[error("there is no such purpose; GET /v1/purposes lists them")]
    Purpose,
    #[error("the text of this purpose is in version {0} now; show that one, then send its number")]
    Version(i32),
}

/// The purpose of this name.
pub fn purpose(name: &str) -> Result<&'static Purpose, ConsentError> {
    let purpose = PURPOSES.iter().find(|known| known.name == name);
    purpose.ok_or(ConsentError::Purpose)
}

/// The purpose that someone agrees to, in the version that they were shown.
pub fn agreed(name: &str, version: i32) -> Result<&'static Purpose, ConsentError> {
    let purpose = purpose(name)?;
    if purpose.version != version {
        return Err(ConsentError::Version(purpose.version));
    }
    Ok(purpose)
}

impl Purpose {
    /// Whether a person's latest word on this purpose is consent to the text as it is now.
    pub fn is_granted(&self, latest: Option<(i32, bool)>) -> bool {
        latest == Some((self.version, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_is_to_a_known_purpose_in_its_latest_version() {
        assert_eq!(
            agreed("announcements", 1).ok().unwrap().name,
            "announcements"
        );
        assert_eq!(agreed("gossip", 1).err(), Some(ConsentError::Purpose));
        assert_eq!(
            agreed("announcements", 0).err(),
            Some(ConsentError::Version(1))
        );
    }

    #[test]
    fn only_the_latest_word_on_the_latest_text_counts() {
        let purpose = Purpose {
            name: "x",
            version: 2,
            text: "",
        };
        assert!(purpose.is_granted(Some((2, true))));
        for not in [None, Some((2, false)), Some((1, true))] {
            assert!(!purpose.is_granted(not));
        }
    }
}
