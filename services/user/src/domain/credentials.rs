//! What people register and log in with.

use thiserror::Error;

/// An email address in the one form in which it is stored and compared.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

/// What someone wants to be called.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(String);

/// A password as typed. Never stored, never logged: it has no `Debug` and no `Display`.
#[derive(Clone)]
pub struct Password(String);

/// What is wrong with credentials.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CredentialsError {
    #[error("email must look like name@example.org and have at most 254 characters")]
    Email,
    #[error("name must have 1 to 100 characters")]
    Name,
    #[error("password must have 8 to 256 characters")]
    Password,
}

impl Email {
    /// Reads an address. Case does not distinguish accounts.
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        let email = text.trim().to_lowercase();
        let (name, domain) = email.split_once('@').ok_or(CredentialsError::Email)?;
        let plain = |part: &str| {
            !part.is_empty()
                && !part.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control())
        };
        if email.len() <= 254 && plain(name) && plain(domain) {
            Ok(Self(email))
        } else {
            Err(CredentialsError::Email)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Name {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        let name = text.trim();
        let plain = !name.contains(char::is_control);
        if plain && (1..=100).contains(&name.chars().count()) {
            Ok(Self(name.to_owned()))
        } else {
            Err(CredentialsError::Name)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Password {
    /// Reads a new password.
    pub fn parse(text: String) -> Result<Self, CredentialsError> {
        if (8..=256).contains(&text.chars().count()) {
            Ok(Self(text))
        } else {
            Err(CredentialsError::Password)
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ_neither_by_case_nor_by_space() {
        let email = Email::parse(" Ada@Example.org ").ok().unwrap();
        assert_eq!(email.as_str(), "ada@example.org");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.org", "a".repeat(250));
        for bad in [
            "", "ada", "@", "ada@", "@b", "a b@c", "a@b@c", "a@b\0", &long,
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_short_and_without_control_characters() {
        assert_eq!(Name::parse(" Ada ").ok().unwrap().as_str(), "Ada");
        for bad in ["", "  ", "A\nda", &"a".repeat(101)] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_have_bounds() {
        assert!(Password::parse("1234567".to_owned()).is_err());
        assert!(Password::parse("12345678".to_owned()).is_ok());
        assert!(Password::parse("x".repeat(257)).is_err());
    }
}
