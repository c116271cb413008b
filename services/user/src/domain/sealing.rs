//! Sealing of personal fields: AES-256-GCM under a key of the person. Destroying the key erases the fields,
//! wherever copies of them are.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use thiserror::Error;
use uuid::Uuid;

/// A person's key. Never logged: it has no `Debug` and no `Display`.
pub struct PersonKey {
    user: Uuid,
    bytes: [u8; 32],
}

/// Which field a text is sealed for: it opens as no other.
#[derive(Clone, Copy)]
pub enum Field {
    Email,
    Name,
    /// What an entry of the audit log keeps of a field that was changed.
    Previous,
}

/// Why a field cannot be sealed or opened.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a personal field does not fit the key of its person")]
pub struct SealingError;

impl PersonKey {
    /// A new key.
    pub fn generate(user: Uuid) -> Self {
        let bytes = rand::random();
        Self { user, bytes }
    }

    /// A key as it is stored.
    pub fn stored(user: Uuid, bytes: &[u8]) -> Result<Self, SealingError> {
        let bytes = bytes.try_into().map_err(|_| SealingError)?;
        Ok(Self { user, bytes })
    }

    /// As it is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Seals a text: a random nonce, then the sealed text.
    pub fn seal(&self, field: Field, text: &str) -> Result<Vec<u8>, SealingError> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = text.as_bytes().to_vec();
        self.cipher()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                self.context(field),
                &mut sealed,
            )
            .map_err(|_| SealingError)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what was sealed.
    pub fn open(&self, field: Field, sealed: &[u8]) -> Result<String, SealingError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(SealingError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealingError)?;
        let mut text = sealed.to_vec();
        let opened = self
            .cipher()?
            .open_in_place(nonce, self.context(field), &mut text)
            .map_err(|_| SealingError)?;
        String::from_utf8(opened.to_vec()).map_err(|_| SealingError)
    }

    fn cipher(&self) -> Result<LessSafeKey, SealingError> {
        let key = UnboundKey::new(&AES_256_GCM, &self.bytes).map_err(|_| SealingError)?;
        Ok(LessSafeKey::new(key))
    }

    /// Binds a sealed text to its person and field.
    fn context(&self, field: Field) -> Aad<[u8; 17]> {
        let mut context = [field as u8; 17];
        let (user, _) = context.split_at_mut(16);
        user.copy_from_slice(self.user.as_bytes());
        Aad::from(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_of_the_person_opens_a_field_and_only_as_that_field() {
        let key = PersonKey::generate(Uuid::new_v4());
        let sealed = key.seal(Field::Name, "Ada Lovelace").unwrap();
        assert_eq!(key.open(Field::Name, &sealed).unwrap(), "Ada Lovelace");
        let stored = PersonKey::stored(key.user, key.bytes()).unwrap();
        assert!(stored.open(Field::Name, &sealed).is_ok());

        let moved = PersonKey::stored(Uuid::new_v4(), key.bytes()).unwrap();
        let other = PersonKey::generate(key.user);
        assert!(moved.open(Field::Name, &sealed).is_err(), "another person");
        assert!(other.open(Field::Name, &sealed).is_err(), "another key");
        assert!(key.open(Field::Email, &sealed).is_err(), "another field");
        let mut altered = sealed.clone();
        *altered.last_mut().unwrap() ^= 1;
        for bad in [&altered[..], &sealed[..12], &[]] {
            assert!(key.open(Field::Name, bad).is_err());
        }
    }

    #[test]
    fn one_text_is_sealed_differently_each_time() {
        let key = PersonKey::generate(Uuid::new_v4());
        let seal = || key.seal(Field::Name, "Ada").unwrap();
        assert_ne!(seal(), seal());
    }
}
