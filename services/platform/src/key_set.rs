//! The published keys, with which any service can check a token's signature.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::calls::{CallError, Peer};
use crate::hops::Hops;
use crate::problem::Problem;
use crate::signing::install_provider;
use crate::tokens::{Claims, ISSUER, Subject};

/// Unknown key ids make us fetch the key set at most this often.
const REFETCH: Duration = Duration::from_secs(1);
/// Keys are fetched anew after this long: a new key is known before the first token that it signs, and a
/// withdrawn one does not live on in memory.
const FRESH: Duration = Duration::from_secs(60);

/// Where the published keys come from.
pub trait KeySource: Send + Sync + 'static {
    /// The keys as they are now.
    fn fetch(&self) -> impl Future<Output = Result<JwkSet, KeysUnavailable>> + Send;
}

/// The published keys cannot be had.
#[derive(Debug, Error)]
pub enum KeysUnavailable {
    /// The service that publishes them gave no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// They are kept in the own database.
    #[error("keys cannot be read from the database")]
    Database(#[from] sqlx::Error),
}

impl KeySource for Peer {
    async fn fetch(&self) -> Result<JwkSet, KeysUnavailable> {
        let hops = Hops::default();
        Ok(self.get("/.well-known/jwks.json", None, &hops).await?)
    }
}

type Fetched<'a> = Pin<Box<dyn Future<Output = Result<JwkSet, KeysUnavailable>> + Send + 'a>>;

/// [`KeySource`] behind a pointer.
trait Source: Send + Sync {
    fn fetch(&self) -> Fetched<'_>;
}

impl<S: KeySource> Source for S {
    fn fetch(&self) -> Fetched<'_> {
        Box::pin(KeySource::fetch(self))
    }
}

/// The keys that tokens are checked with, fetched when first needed and again when a token names a key
/// that is not among them. Cheap to clone.
#[derive(Clone)]
pub struct KeySet(Arc<Inner>);

struct Inner {
    source: Box<dyn Source>,
    keys: RwLock<HashMap<String, DecodingKey>>,
    fetched: Mutex<Option<Instant>>,
}

impl KeySet {
    /// Keys from `source`; nothing is fetched yet.
    pub(crate) fn new(source: impl KeySource) -> Self {
        install_provider();
        Self(Arc::new(Inner {
            source: Box::new(source),
            keys: RwLock::default(),
            fetched: Mutex::default(),
        }))
    }

    /// Returns once the keys were fetched, however long that takes.
    pub(crate) async fn fetched(&self) {
        loop {
            let fetched = self.fetch(&mut *self.0.fetched.lock().await).await;
            let Err(error) = fetched else { return };
            tracing::warn!(%error, "keys cannot be fetched yet");
            tokio::time::sleep(REFETCH).await;
        }
    }

    /// Who a token was signed for.
    pub(crate) async fn verify(&self, token: &str) -> Result<Subject, Problem> {
        let invalid =
            || Problem::unauthorized("The token is not valid or has expired. Log in again.");
        let header = decode_header(token).map_err(|_| invalid())?;
        let kid = header.kid.ok_or_else(invalid)?;
        let key = self.key(&kid).await?.ok_or_else(invalid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.leeway = 5;
        let token = decode::<Claims>(token, &key, &validation).map_err(|_| invalid())?;
        Ok(token.claims.into())
    }

    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>, Problem> {
        let known = self.known(kid);
        let mut fetched = match &known {
            // What is known serves on while another request is already fetching.
            Some(_) => match self.0.fetched.try_lock() {
                Ok(fetched) => fetched,
                Err(_) => return Ok(known),
            },
            None => self.0.fetched.lock().await,
        };
        let patience = if known.is_some() { FRESH } else { REFETCH };
        if fetched.is_some_and(|at| at.elapsed() < patience) {
            return Ok(self.known(kid));
        }
        if let Err(error) = self.fetch(&mut fetched).await {
            tracing::warn!(%error, "keys cannot be fetched");
            if known.is_none() {
                let detail = "Tokens cannot be checked at the moment. Try again.";
                return Err(Problem::unavailable("keys", detail));
            }
            *fetched = Some(Instant::now());
        }
        Ok(self.known(kid))
    }

    fn known(&self, kid: &str) -> Option<DecodingKey> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(kid).cloned()
    }

    async fn fetch(&self, fetched: &mut Option<Instant>) -> Result<(), KeysUnavailable> {
        let set = self.0.source.fetch().await?;
        let usable = set.keys.iter().filter_map(|jwk| {
            let kid = jwk.common.key_id.clone()?;
            Some((kid, DecodingKey::from_jwk(jwk).ok()?))
        });
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = usable.collect();
        *fetched = Some(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use jsonwebtoken::get_current_timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::signing::SigningKey;

    /// Publishes one key, and counts how often it is asked.
    struct OneKey(SigningKey, Arc<AtomicU32>);

    impl KeySource for OneKey {
        async fn fetch(&self) -> Result<JwkSet, KeysUnavailable> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Ok(JwkSet {
                keys: vec![self.0.jwk()],
            })
        }
    }

    fn key() -> SigningKey {
        let (kid, pkcs8) = SigningKey::generate().unwrap();
        SigningKey::from_pkcs8(kid, &pkcs8).unwrap()
    }

    #[tokio::test]
    async fn a_signed_token_names_its_user_and_keys_are_fetched_once() {
        let (user, now, asked) = (Uuid::new_v4(), get_current_timestamp(), Arc::default());
        let key = key();
        let token = key.sign(user, now, 60).unwrap();
        let keys = KeySet::new(OneKey(key, Arc::clone(&asked)));
        assert_eq!(keys.verify(&token).await.unwrap().user, user);
        assert_eq!(keys.verify(&token).await.unwrap().user, user);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn expired_foreign_and_altered_tokens_are_refused() {
        let (user, now) = (Uuid::new_v4(), get_current_timestamp());
        let (own, foreign) = (key(), key());
        let expired = own.sign(user, now - 120, 60).unwrap();
        let unknown = foreign.sign(user, now, 60).unwrap();
        let good = own.sign(user, now, 60).unwrap();
        let other = own.sign(Uuid::new_v4(), now, 60).unwrap();
        // The payload of one token under the signature of another.
        let parts: Vec<&str> = good.split('.').collect();
        let others: Vec<&str> = other.split('.').collect();
        let altered = [parts[0], others[1], parts[2]].join(".");
        let keys = KeySet::new(OneKey(own, Arc::default()));
        for bad in [expired.as_str(), &unknown, &altered, "", "a.b.c"] {
            assert!(keys.verify(bad).await.is_err(), "{bad}");
        }
        assert_eq!(keys.verify(&good).await.unwrap().user, user);
    }

    #[tokio::test]
    async fn a_token_says_what_its_user_may_do() {
        let subject = Subject {
            user: Uuid::new_v4(),
            roles: vec!["operator".to_owned()],
            synthetic: true,
        };
        let key = key();
        let token = key.sign_for(subject.clone(), get_current_timestamp(), 60);
        let keys = KeySet::new(OneKey(key, Arc::default()));
        assert_eq!(keys.verify(&token.unwrap()).await.unwrap(), subject);
    }

    #[tokio::test]
    async fn known_keys_are_fetched_anew_when_they_have_aged() {
        let (now, asked) = (get_current_timestamp(), Arc::default());
        let key = key();
        let token = key.sign(Uuid::new_v4(), now, 60).unwrap();
        let keys = KeySet::new(OneKey(key, Arc::clone(&asked)));
        keys.verify(&token).await.unwrap();
        *keys.0.fetched.lock().await = Instant::now().checked_sub(FRESH);
        keys.verify(&token).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
