//! Sessions: how a refresh token looks, and what becomes of one that is shown.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use uuid::Uuid;

/// How long a session can be prolonged, in seconds.
pub const LONGEST: f64 = 14.0 * 86_400.0;
/// How long the token before the latest is taken, in seconds: the answer that brought the latest may
/// have been lost with its connection.
const GRACE: f64 = 60.0;

/// What prolongs a session, once. Never stored, never logged: it has no `Debug` and no `Display`.
pub struct RefreshToken {
    pub session: Uuid,
    secret: [u8; 32],
}

impl RefreshToken {
    pub fn generate(session: Uuid) -> Self {
        let secret = rand::random();
        Self { session, secret }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (session, secret) = text.split_once('.')?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?;
        Some(Self {
            session: Uuid::try_parse(session).ok()?,
            secret: secret.try_into().ok()?,
        })
    }

    /// As the client keeps it.
    pub fn text(&self) -> String {
        let secret = URL_SAFE_NO_PAD.encode(self.secret);
        format!("{}.{secret}", self.session)
    }

    /// As it is stored.
    pub fn hash(&self) -> Vec<u8> {
        digest(&SHA256, &self.secret).as_ref().to_vec()
    }
}

/// What is stored of a session's tokens.
pub struct StoredTokens {
    pub latest: Vec<u8>,
    pub previous: Option<Vec<u8>>,
    /// Seconds since the latest was given.
    pub age: f64,
}

/// What becomes of a token that is shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown {
    /// It is taken; the client gets a new one.
    Good,
    /// It was used before: someone else may have it, and the session ends.
    Stolen,
    /// It was never one of this session's.
    Foreign,
}

impl StoredTokens {
    pub fn judge(&self, shown: &RefreshToken) -> Shown {
        let hash = shown.hash();
        if hash == self.latest {
            return Shown::Good;
        }
        match &self.previous {
            Some(previous) if *previous == hash && self.age <= GRACE => Shown::Good,
            Some(previous) if *previous == hash => Shown::Stolen,
            _ => Shown::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_it_was_written() {
        let token = RefreshToken::generate(Uuid::new_v4());
        let read = RefreshToken::parse(&token.text()).unwrap();
        assert_eq!((read.session, read.hash()), (token.session, token.hash()));
        for bad in ["", ".", "a.b", &token.session.to_string(), "a.b.c"] {
            assert!(RefreshToken::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_used_token_is_good_for_a_moment_and_then_ends_the_session() {
        let session = Uuid::new_v4();
        let [old, new, foreign] = [(); 3].map(|()| RefreshToken::generate(session));
        let stored = |age| StoredTokens {
            latest: new.hash(),
            previous: Some(old.hash()),
            age,
        };
        assert_eq!(stored(1e6).judge(&new), Shown::Good);
        assert_eq!(stored(60.0).judge(&old), Shown::Good);
        assert_eq!(stored(61.0).judge(&old), Shown::Stolen);
        assert_eq!(stored(1.0).judge(&foreign), Shown::Foreign);
    }
}
