//! The caller's profile, and its rectification.

use actix_web::web::{Data, Json};
use actix_web::{get, patch};
use exchange_platform::{Caller, Platform, Problem, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::proof::prove_caller;
use super::users::{gone, refused, taken};
use crate::domain::credentials::{Email, Name};
use crate::domain::passwords::Passwords;
use crate::store::Store;
use crate::store::rectification::{Rectification, Rectified};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    id: Uuid,
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// `good` or `restricted`
    standing: String,
    roles: Vec<String>,
    /// Only in versions with the feature
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    member_since: Option<String>,
}

/// Not `Debug`: it holds a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Needs the password, for whoever has the email has the account
    #[schema(max_length = 254)]
    email: Option<String>,
    /// Empty for none
    #[schema(max_length = 100)]
    name: Option<String>,
    password: Option<String>,
}

/// The caller's profile
#[utoipa::path(responses((status = 200, body = Me)), security(("token" = [])))]
#[get("/v1/users/me")]
pub async fn show(
    platform: Data<Platform>,
    store: Data<Store>,
    caller: Caller,
) -> Result<Json<Me>, Problem> {
    Ok(Json(read(&platform, &store, caller.user).await?))
}

/// Correct the caller's email or name
#[utoipa::path(
    request_body(content = Changes, example = json!({ "name": "Ada Lovelace" })),
    responses((status = 200, body = Me)),
    security(("token" = []))
)]
#[patch("/v1/users/me")]
pub async fn rectify(
    platform: Data<Platform>,
    store: Data<Store>,
    passwords: Data<Passwords>,
    caller: Caller,
    body: Json<Changes>,
) -> Result<Json<Me>, Problem> {
    let body = body.into_inner();
    let change = parse(&body)?;
    if change.email.is_some() {
        let password = body.password.unwrap_or_default();
        prove_caller(&store, &passwords, &caller, password).await?;
    }
    match store.rectify(caller.user, &change).await? {
        Rectified::Done => Ok(Json(read(&platform, &store, caller.user).await?)),
        Rectified::EmailTaken => Err(taken()),
        Rectified::Gone => Err(gone()),
    }
}

fn parse(changes: &Changes) -> Result<Rectification, Problem> {
    let email = changes.email.as_deref().map(Email::parse);
    let name = changes.name.as_deref().map(|name| match name.is_empty() {
        true => Ok(None),
        false => Name::parse(name).map(Some),
    });
    let change = Rectification {
        email: email.transpose().map_err(refused)?,
        name: name.transpose().map_err(refused)?,
    };
    if change.email.is_none() && change.name.is_none() {
        let detail = "Send what is to change: email, name or both.";
        return Err(Problem::unprocessable("nothing", detail));
    }
    Ok(change)
}

async fn read(platform: &Platform, store: &Store, user: Uuid) -> Result<Me, Problem> {
    let profile = store.profile(user).await?.ok_or_else(gone)?;
    let account = profile.account;
    let member_since = platform.identity().has("member-since");
    Ok(Me {
        id: account.id,
        email: profile.email,
        name: profile.name,
        standing: account.standing,
        roles: account.roles,
        member_since: member_since.then(|| rfc3339(account.created_micros)),
    })
}
