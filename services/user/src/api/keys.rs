//! The keys that tokens are signed with: their public parts, and their rotation.

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, delete, get, post};
use exchange_platform::{Caller, Problem};
use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::roles::OPERATOR;
use crate::store::signing_keys::SigningKeys;

/// A JSON Web Key Set (RFC 7517).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `JwkSet` writes")]
pub struct KeySet {
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Value>,
}

#[derive(Serialize, ToSchema)]
pub struct NewKey {
    /// The id of the new key, the `kid` of the tokens that it signs
    kid: String,
}

/// The public keys that tokens are checked with
///
/// A new key is here two minutes before the first token that it signs, an old one until its last token has
/// expired.
#[utoipa::path(responses((status = 200, body = KeySet)))]
#[get("/.well-known/jwks.json")]
pub async fn published(keys: Data<SigningKeys>) -> Result<Json<JwkSet>, Problem> {
    Ok(Json(keys.published().await?))
}

/// Make a new signing key now
///
/// It takes over two minutes later. Tokens of the old key stay good until they expire.
#[utoipa::path(
    tag = "operator",
    responses((status = 201, body = NewKey)),
    security(("token" = []))
)]
#[post("/v1/keys")]
pub async fn rotate(keys: Data<SigningKeys>, caller: Caller) -> Result<HttpResponse, Problem> {
    caller.require_role(OPERATOR)?;
    let kid = keys.rotate(now()).await?;
    tracing::info!(kid, by = %caller.user, "signing key made");
    Ok(HttpResponse::Created().json(NewKey { kid }))
}

/// Withdraw a signing key that others may have
///
/// All tokens that it signed end within a minute; people prolong their sessions, or log in again. The last
/// key is replaced at once.
#[utoipa::path(
    tag = "operator",
    params(("kid" = Uuid, Path)),
    responses((status = 204, description = "The key is withdrawn")),
    security(("token" = []))
)]
#[delete("/v1/keys/{kid}")]
pub async fn withdraw(
    keys: Data<SigningKeys>,
    caller: Caller,
    kid: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    caller.require_role(OPERATOR)?;
    if !keys.withdraw(&kid.to_string(), now()).await? {
        let detail = "There is no such key; GET /.well-known/jwks.json lists them.";
        return Err(Problem::not_found(detail));
    }
    tracing::warn!(by = %caller.user, "signing key withdrawn");
    Ok(HttpResponse::NoContent().finish())
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}
