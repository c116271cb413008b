//! Proof by password, and what clients are told when there is none.

use exchange_platform::{Caller, Problem};

use super::users::gone;
use crate::domain::credentials::{Email, Password};
use crate::domain::passwords::{Passwords, PasswordsError};
use crate::store::Store;
use crate::store::accounts::Holder;

/// Whose email and password these are. Every try counts, until one is right.
pub async fn prove(
    store: &Store,
    passwords: &Passwords,
    email: &Email,
    password: Password,
) -> Result<Holder, Problem> {
    if let Some(seconds) = store.count_attempt(email).await?.wait() {
        let detail = "There were too many attempts with this email. Wait, then try again.";
        return Err(Problem::too_many("attempts", seconds, detail));
    }
    let login = store.login(email).await?;
    let (hash, holder) = login
        .map(|login| (login.password_hash, login.holder))
        .unzip();
    match passwords.verify(password, hash).await {
        Ok(true) => {
            store.forget_attempts(email).await?;
            holder.ok_or_else(wrong)
        }
        Ok(false) => Err(wrong()),
        Err(error) => {
            if matches!(error, PasswordsError::Busy) {
                store.uncount_attempt(email).await?;
            }
            Err(unavailable(error))
        }
    }
}

/// Whether the caller also knows the password: a token alone may have been left open on a desk.
pub async fn prove_caller(
    store: &Store,
    passwords: &Passwords,
    caller: &Caller,
    password: String,
) -> Result<(), Problem> {
    let password = Password::parse(password).map_err(|_| wrong_password())?;
    let profile = store.profile(caller.user).await?.ok_or_else(gone)?;
    let email = Email::parse(&profile.email).map_err(|_| wrong_password())?;
    match prove(store, passwords, &email, password).await {
        Ok(holder) if holder.user_id == caller.user => Ok(()),
        Ok(_) => Err(wrong_password()),
        Err(problem) if problem.kind() == wrong().kind() => Err(wrong_password()),
        Err(problem) => Err(problem),
    }
}

/// One answer for all that is wrong: which emails have accounts is nobody's business.
pub fn wrong() -> Problem {
    Problem::unauthorized("Email or password is wrong.")
}

/// The token is good, so this is no 401: logging in again would not help.
fn wrong_password() -> Problem {
    Problem::forbidden("password", "The password is wrong.")
}

/// What clients are told when there is no hash.
pub fn unavailable(error: PasswordsError) -> Problem {
    match error {
        PasswordsError::Busy => Problem::unavailable("busy", "Many people sign in now. Try again."),
        PasswordsError::Hashing(cause) => {
            tracing::error!(cause, "password hashing failed");
            Problem::internal()
        }
    }
}
