//! The published keys.

use actix_web::HttpResponse;
use actix_web::web::Data;
use exchange_platform::Problem;

use crate::store::signing_keys::SigningKeys;

/// `GET /.well-known/jwks.json`
pub async fn published(keys: Data<SigningKeys>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(keys.published().await?))
}
