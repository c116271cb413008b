//! Password hashing: Argon2id, off the request threads, at most two at once.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;
use tokio::sync::Semaphore;

use super::credentials::Password;

/// Each hash takes 19 MiB while it runs; the container's memory is planned for two.
const AT_ONCE: usize = 2;
/// How many more may wait: about half a second of work.
const WAITING: usize = 32;

/// Hashes and verifies passwords.
pub struct Passwords {
    argon2: Arc<Argon2<'static>>,
    running: Semaphore,
    admitted: Semaphore,
    /// A hash that no password has, to make an unknown account as slow as a wrong password.
    decoy: String,
}

/// Why there is no hash.
#[derive(Debug, Error)]
pub enum PasswordsError {
    #[error("too many people sign in at the moment")]
    Busy,
    #[error("password hashing failed: {0}")]
    Hashing(String),
}

impl Passwords {
    /// Parameters as OWASP recommends them: 19 MiB, 2 passes, 1 lane.
    pub async fn new() -> Result<Self, PasswordsError> {
        let params = Params::new(19_456, 2, 1, None).map_err(failed)?;
        let mut passwords = Self {
            argon2: Arc::new(Argon2::new(Algorithm::Argon2id, Version::V0x13, params)),
            running: Semaphore::new(AT_ONCE),
            admitted: Semaphore::new(AT_ONCE + WAITING),
            decoy: String::new(),
        };
        let argon2 = Arc::clone(&passwords.argon2);
        passwords.decoy = passwords
            .work(move || hash(&argon2, b"nobody's password"))
            .await??;
        Ok(passwords)
    }

    /// Hashes a new password, with a salt of its own.
    pub async fn hash(&self, password: Password) -> Result<String, PasswordsError> {
        let argon2 = Arc::clone(&self.argon2);
        self.work(move || hash(&argon2, password.as_bytes()))
            .await?
    }

    /// Whether a password is the one that was hashed. Takes as long when there is no hash.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<bool, PasswordsError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let argon2 = Arc::clone(&self.argon2);
        let matches = move || {
            let stored = PasswordHash::new(&stored).map_err(failed)?;
            Ok(argon2.verify_password(password.as_bytes(), &stored).is_ok())
        };
        Ok(self.work(matches).await?? && known)
    }

    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordsError> {
        let _admitted = self
            .admitted
            .try_acquire()
            .map_err(|_| PasswordsError::Busy)?;
        let _running = self.running.acquire().await.map_err(failed)?;
        tokio::task::spawn_blocking(job).await.map_err(failed)
    }
}

fn hash(argon2: &Argon2<'static>, password: &[u8]) -> Result<String, PasswordsError> {
    Ok(argon2.hash_password(password).map_err(failed)?.to_string())
}

fn failed(error: impl ToString) -> PasswordsError {
    PasswordsError::Hashing(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text.to_owned()).ok().unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let passwords = Passwords::new().await.unwrap();
        let hash = passwords.hash(password("correct horse")).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let stored = Some(hash);
        assert!(
            passwords
                .verify(password("correct horse"), stored.clone())
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify(password("battery staple"), stored)
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify(password("nobody's password"), None)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn two_run_at_once_and_the_others_wait() {
        let passwords = Passwords::new().await.unwrap();
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let counted = Arc::new((running, most));
        let job = || {
            let counted = Arc::clone(&counted);
            passwords.work(move || {
                let now = counted.0.fetch_add(1, Ordering::SeqCst) + 1;
                counted.1.fetch_max(now, Ordering::SeqCst);
                // Long enough to meet the others.
                std::thread::sleep(Duration::from_millis(20));
                counted.0.fetch_sub(1, Ordering::SeqCst);
            })
        };
        let done = futures::future::join_all((0..8).map(|_| job())).await;
        assert!(done.iter().all(Result::is_ok));
        assert_eq!(counted.1.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn beyond_a_short_queue_it_says_busy() {
        let passwords = Passwords::new().await.unwrap();
        let _all = passwords
            .admitted
            .try_acquire_many((AT_ONCE + WAITING) as u32)
            .unwrap();
        let refused = passwords.hash(password("correct horse")).await;
        assert!(matches!(refused, Err(PasswordsError::Busy)));
    }
}
