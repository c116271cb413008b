//! Login.

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use exchange_platform::{Problem, rfc3339};
use serde::Serialize;
use uuid::Uuid;

use super::users::{Credentials, unavailable};
use crate::domain::credentials::{Email, Password};
use crate::domain::passwords::Passwords;
use crate::state::Sessions;
use crate::store::accounts::Accounts;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    token: String,
    expires_at: String,
    user_id: Uuid,
}

/// `POST /v1/sessions`
pub async fn log_in(
    accounts: Data<Accounts>,
    passwords: Data<Passwords>,
    sessions: Data<Sessions>,
    body: Json<Credentials>,
) -> Result<HttpResponse, Problem> {
    let Credentials { email, password } = body.into_inner();
    // One answer for all of them: which emails have accounts is nobody's business.
    let wrong = || Problem::unauthorized("Email or password is wrong.");
    let email = Email::parse(&email).map_err(|_| wrong())?;
    let password = Password::parse(password).map_err(|_| wrong())?;
    let login = accounts.login(&email).await?;
    let id = login.as_ref().map(|login| login.id);
    let stored = login.map(|login| login.password_hash);
    if !passwords
        .verify(password, stored)
        .await
        .map_err(unavailable)?
    {
        return Err(wrong());
    }
    let user_id = id.ok_or_else(wrong)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let token = sessions
        .key
        .sign(user_id, now, sessions.ttl_seconds)
        .map_err(|error| {
            tracing::error!(%error, "login");
            Problem::internal()
        })?;
    let expires = i64::try_from(now + sessions.ttl_seconds).unwrap_or(i64::MAX);
    Ok(HttpResponse::Created().json(Session {
        token,
        expires_at: rfc3339(expires.saturating_mul(1_000_000)),
        user_id,
    }))
}
