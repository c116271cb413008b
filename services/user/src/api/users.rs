//! Accounts: registration, profile, standing.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, post};
use exchange_platform::{Caller, Platform, Problem, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::credentials::{CredentialsError, Email, Password};
use crate::domain::passwords::{Passwords, PasswordsError};
use crate::store::Store;

/// Not `Debug`: it holds a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    #[schema(example = "ada@example.org", max_length = 254)]
    email: String,
    #[schema(
        example = "correct horse battery staple",
        min_length = 8,
        max_length = 256
    )]
    password: String,
    /// An account of a journey: it trades with its like only, in markets that begin with SYN-, and is removed
    /// after a day
    #[serde(default)]
    synthetic: bool,
}

#[derive(Serialize, ToSchema)]
pub struct Registered {
    id: Uuid,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    id: Uuid,
    email: String,
    /// `good` or `restricted`
    standing: String,
    roles: Vec<String>,
    /// Only in versions with the feature
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    member_since: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    user_id: Uuid,
    /// `good` or `restricted`
    standing: String,
}

/// Register
#[utoipa::path(responses((status = 201, body = Registered)))]
#[post("/v1/users")]
pub async fn register(
    store: Data<Store>,
    passwords: Data<Passwords>,
    body: Json<Registration>,
) -> Result<HttpResponse, Problem> {
    let Registration {
        email,
        password,
        synthetic,
    } = body.into_inner();
    let email = Email::parse(&email).map_err(refused)?;
    let password = Password::parse(password).map_err(refused)?;
    let hash = passwords.hash(password).await.map_err(unavailable)?;
    let added = store.add_account(&email, &hash, synthetic).await?;
    let id = added.ok_or_else(taken)?;
    Ok(HttpResponse::Created().json(Registered { id }))
}

/// The caller's profile
#[utoipa::path(responses((status = 200, body = Me)), security(("token" = [])))]
#[get("/v1/users/me")]
pub async fn me(
    platform: Data<Platform>,
    store: Data<Store>,
    caller: Caller,
) -> Result<Json<Me>, Problem> {
    let profile = store.profile(caller.user).await?.ok_or_else(gone)?;
    let member_since = platform.identity().has("member-since");
    Ok(Json(Me {
        id: profile.id,
        email: profile.email,
        standing: profile.standing,
        roles: profile.roles,
        member_since: member_since.then(|| rfc3339(profile.created_micros)),
    }))
}

/// Whether the caller may trade
#[utoipa::path(responses((status = 200, body = Standing)), security(("token" = [])))]
#[get("/v1/standing")]
pub async fn standing(store: Data<Store>, caller: Caller) -> Result<Json<Standing>, Problem> {
    let standing = store.standing(caller.user).await?.ok_or_else(gone)?;
    Ok(Json(Standing {
        user_id: caller.user,
        standing,
    }))
}

/// What someone is told whose token outlived their account.
pub fn gone() -> Problem {
    Problem::unauthorized("This account no longer exists.")
}

fn taken() -> Problem {
    let detail = "An account with this email exists. Log in, or use another.";
    let title = "Email taken";
    Problem::new(StatusCode::CONFLICT, "email-taken", title, detail)
}

fn refused(error: CredentialsError) -> Problem {
    Problem::unprocessable("credentials", error.to_string())
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
