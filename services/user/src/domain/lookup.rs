//! A keyed hash of an email: finds an account without keeping the address readable.

use ring::hmac;

use super::credentials::Email;

/// Makes hashes of emails.
pub struct Lookup(hmac::Key);

impl Lookup {
    /// With the key that all replicas share.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The hash of an email.
    pub fn of(&self, email: &Email) -> Vec<u8> {
        let tag = hmac::sign(&self.0, email.as_str().as_bytes());
        tag.as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_email_is_found_under_the_same_key_only() {
        let email = Email::parse("ada@example.org").ok().unwrap();
        let other = Email::parse("bob@example.org").ok().unwrap();
        let (one, two) = (Lookup::new(b"one"), Lookup::new(b"two"));
        assert_eq!(one.of(&email), one.of(&email));
        assert_ne!(one.of(&email), one.of(&other));
        assert_ne!(one.of(&email), two.of(&email));
    }
}
