//! Accounts: registration and standing.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, post};
use exchange_platform::{Caller, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::proof::unavailable;
use crate::domain::credentials::{CredentialsError, Email, Name, Password};
use crate::domain::passwords::Passwords;
use crate::store::Store;
use crate::store::accounts::NewAccount;

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
    /// What the person wants to be called
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
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
    let body = body.into_inner();
    let email = Email::parse(&body.email).map_err(refused)?;
    let name = body.name.as_deref().map(Name::parse);
    let name = name.transpose().map_err(refused)?;
    let password = Password::parse(body.password).map_err(refused)?;
    let hash = passwords.hash(password).await.map_err(unavailable)?;
    let account = NewAccount {
        email: &email,
        name: name.as_ref(),
        password_hash: &hash,
        synthetic: body.synthetic,
    };
    let id = store.add_account(&account).await?.ok_or_else(taken)?;
    Ok(HttpResponse::Created().json(Registered { id }))
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

/// What someone is told who wants the email of an account.
pub fn taken() -> Problem {
    let detail = "An account with this email exists. Log in, or use another.";
    let title = "Email taken";
    Problem::new(StatusCode::CONFLICT, "email-taken", title, detail)
}

/// What someone is told whose email, name or password cannot be one.
pub fn refused(error: CredentialsError) -> Problem {
    Problem::unprocessable("credentials", error.to_string())
}
