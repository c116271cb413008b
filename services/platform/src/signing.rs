//! Ed25519 for tokens: the signing key, and the provider through which `jsonwebtoken` uses ring.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm,
    OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse,
};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use thiserror::Error;
use uuid::Uuid;

use crate::tokens::{Claims, Subject};

/// The key that tokens are signed with.
pub struct SigningKey {
    kid: String,
    key: EncodingKey,
    public: Vec<u8>,
}

/// A key that cannot be made, read or used.
#[derive(Debug, Error)]
pub enum SigningKeyError {
    /// The system gave no random numbers.
    #[error("no random numbers from the system for a new signing key")]
    NoRandomness,
    /// The stored key is not an Ed25519 key.
    #[error(
        "stored signing key {0} is not an Ed25519 key in PKCS #8; remove its row to make a new one"
    )]
    Malformed(String),
    /// Signing failed.
    #[error("token cannot be signed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

impl SigningKey {
    /// Makes a key: its id and its private part in PKCS #8, to be stored.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<(String, Vec<u8>), SigningKeyError> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let pkcs8 = pkcs8.map_err(|_| SigningKeyError::NoRandomness)?;
        Ok((Uuid::new_v4().to_string(), pkcs8.as_ref().to_vec()))
    }

    /// Reads a stored key.
    ///
    /// # Errors
    /// When it is not an Ed25519 key in PKCS #8.
    pub fn from_pkcs8(kid: String, pkcs8: &[u8]) -> Result<Self, SigningKeyError> {
        install_provider();
        let Ok(pair) = Ed25519KeyPair::from_pkcs8(pkcs8) else {
            return Err(SigningKeyError::Malformed(kid));
        };
        Ok(Self {
            public: pair.public_key().as_ref().to_vec(),
            key: EncodingKey::from_ed_der(pkcs8),
            kid,
        })
    }

    /// The public part, as published.
    pub fn jwk(&self) -> Jwk {
        Jwk {
            common: CommonParameters {
                public_key_use: Some(PublicKeyUse::Signature),
                key_algorithm: Some(KeyAlgorithm::EdDSA),
                key_id: Some(self.kid.clone()),
                ..CommonParameters::default()
            },
            algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                key_type: OctetKeyPairType::OctetKeyPair,
                curve: EllipticCurve::Ed25519,
                x: URL_SAFE_NO_PAD.encode(&self.public),
            }),
        }
    }

    /// Signs a token for a user without a role, valid from `now` (seconds since 1970) for `ttl` seconds.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, user: Uuid, now: u64, ttl: u64) -> Result<String, SigningKeyError> {
        let subject = Subject {
            user,
            ..Subject::default()
        };
        self.sign_for(subject, now, ttl)
    }

    /// Signs a token that says what its user may do, valid as with [`SigningKey::sign`].
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign_for(
        &self,
        subject: Subject,
        now: u64,
        ttl: u64,
    ) -> Result<String, SigningKeyError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        let claims = Claims::new(subject, now, ttl);
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}

/// Makes `jsonwebtoken` use ring. Its own providers bring either a C library or an RSA crate with an
/// open advisory; these tokens need Ed25519 alone.
pub(crate) fn install_provider() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: signer,
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    // Fails only when it is already installed.
    let _ = PROVIDER.install_default();
}

fn signer(
    algorithm: &Algorithm,
    key: &EncodingKey,
) -> Result<Box<dyn JwtSigner>, jsonwebtoken::errors::Error> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes());
    Ok(Box::new(RingSigner(
        pair.map_err(|_| ErrorKind::InvalidEddsaKey)?,
    )))
}

fn verifier(
    algorithm: &Algorithm,
    key: &DecodingKey,
) -> Result<Box<dyn JwtVerifier>, jsonwebtoken::errors::Error> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(RingVerifier(key.try_get_as_bytes()?.to_vec())))
}

struct RingSigner(Ed25519KeyPair);

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct RingVerifier(Vec<u8>);

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        key.verify(message, signature)
            .map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}
