//! Accounts: registration, profile, standing.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use exchange_platform::{Caller, Platform, Problem, rfc3339};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::credentials::{CredentialsError, Email, Password};
use crate::domain::passwords::{Passwords, PasswordsError};
use crate::store::accounts::Accounts;

/// Body of a registration and of a login. Not `Debug`: it holds a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    pub email: String,
    pub password: String,
}

#[derive(Serialize)]
struct Registered {
    id: Uuid,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    id: Uuid,
    email: String,
    standing: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    member_since: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    user_id: Uuid,
    standing: String,
}

/// `POST /v1/users`
pub async fn register(
    accounts: Data<Accounts>,
    passwords: Data<Passwords>,
    body: Json<Credentials>,
) -> Result<HttpResponse, Problem> {
    let Credentials { email, password } = body.into_inner();
    let email = Email::parse(&email).map_err(refused)?;
    let password = Password::parse(password).map_err(refused)?;
    let hash = passwords.hash(password).await.map_err(unavailable)?;
    let Some(id) = accounts.add(&email, &hash).await? else {
        let detail = "An account with this email exists. Log in, or use another.";
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "email-taken",
            "Email taken",
            detail,
        ));
    };
    Ok(HttpResponse::Created().json(Registered { id }))
}

/// `GET /v1/users/me`
pub async fn me(
    platform: Data<Platform>,
    accounts: Data<Accounts>,
    caller: Caller,
) -> Result<Json<Me>, Problem> {
    let profile = accounts.profile(caller.user).await?.ok_or_else(gone)?;
    let member_since = platform.identity().has("member-since");
    Ok(Json(Me {
        id: profile.id,
        email: profile.email,
        standing: profile.standing,
        member_since: member_since.then(|| rfc3339(profile.created_micros)),
    }))
}

/// `GET /v1/standing`
pub async fn standing(accounts: Data<Accounts>, caller: Caller) -> Result<Json<Standing>, Problem> {
    let standing = accounts.standing(caller.user).await?.ok_or_else(gone)?;
    Ok(Json(Standing {
        user_id: caller.user,
        standing,
    }))
}

fn gone() -> Problem {
    Problem::unauthorized("This account no longer exists.")
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
