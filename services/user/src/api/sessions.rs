//! Logins: begun with a password, prolonged with a refresh token, ended by logging out.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, delete, post};
use exchange_platform::{Caller, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::proof::{prove, wrong};
use crate::domain::credentials::{Email, Password};
use crate::domain::passwords::Passwords;
use crate::domain::sessions::RefreshToken;
use crate::store::Store;
use crate::store::accounts::Holder;
use crate::tokens::Tokens;

/// Not `Debug`: it holds a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    #[schema(example = "grace@example.org")]
    email: String,
    #[schema(example = "correct horse battery staple")]
    password: String,
}

/// Not `Debug`: it holds what prolongs a session.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token that came last
    refresh_token: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// To be sent as `Authorization: Bearer`; valid for some minutes
    token: String,
    #[schema(format = DateTime)]
    expires_at: String,
    user_id: Uuid,
    /// Brings the next token, once, within 14 days of the login
    refresh_token: String,
}

/// Log in
///
/// One email has 10 attempts in 5 minutes, right or wrong; one that succeeds ends the count.
#[utoipa::path(responses((status = 201, body = Session)))]
#[post("/v1/sessions")]
pub async fn log_in(
    store: Data<Store>,
    passwords: Data<Passwords>,
    tokens: Data<Tokens>,
    body: Json<Credentials>,
) -> Result<HttpResponse, Problem> {
    let Credentials { email, password } = body.into_inner();
    let email = Email::parse(&email).map_err(|_| wrong())?;
    let password = Password::parse(password).map_err(|_| wrong())?;
    let holder = prove(&store, &passwords, &email, password).await?;
    let begun = store.begin_session(holder.user_id).await?;
    let refresh = begun.ok_or_else(wrong)?;
    let session = session(&tokens, holder, &refresh).await?;
    Ok(HttpResponse::Created().json(session))
}

/// Prolong a session
///
/// The refresh token that is sent is used up: the answer brings the next. A token that was used before ends
/// the session, for two people have it; for a minute it is taken, in case the answer was lost.
#[utoipa::path(responses((status = 201, body = Session)))]
#[post("/v1/sessions/refresh")]
pub async fn prolong(
    store: Data<Store>,
    tokens: Data<Tokens>,
    body: Json<Refresh>,
) -> Result<HttpResponse, Problem> {
    let ended = || Problem::unauthorized("This session has ended. Log in again.");
    let shown = RefreshToken::parse(&body.refresh_token).ok_or_else(ended)?;
    let prolonged = store.prolong_session(&shown).await?;
    let (holder, next) = prolonged.ok_or_else(ended)?;
    Ok(HttpResponse::Created().json(session(&tokens, holder, &next).await?))
}

/// Log out
///
/// Ends the session of a refresh token. A token that is out stays good until it expires.
#[utoipa::path(responses((status = 204, description = "The session has ended, now or earlier")))]
#[post("/v1/sessions/logout")]
pub async fn log_out(store: Data<Store>, body: Json<Refresh>) -> Result<HttpResponse, Problem> {
    if let Some(shown) = RefreshToken::parse(&body.refresh_token) {
        store.end_session(&shown).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Log out everywhere: end all sessions of the caller
#[utoipa::path(
    responses((status = 204, description = "All sessions have ended")),
    security(("token" = []))
)]
#[delete("/v1/sessions")]
pub async fn log_out_everywhere(
    store: Data<Store>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    store.end_sessions(caller.user).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn session(
    tokens: &Tokens,
    holder: Holder,
    refresh: &RefreshToken,
) -> Result<Session, Problem> {
    let user_id = holder.user_id;
    let token = tokens.sign(holder.into()).await?;
    Ok(Session {
        token: token.text,
        expires_at: token.expires_at,
        user_id,
        refresh_token: refresh.text(),
    })
}
