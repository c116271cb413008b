//! Erasure of the caller.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, post};
use exchange_platform::{Caller, Hops, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use super::proof::prove_caller;
use crate::domain::passwords::Passwords;
use crate::erasures::Erasures;
use crate::store::Store;

/// Not `Debug`: it holds a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    #[schema(example = "correct horse battery staple")]
    password: String,
}

/// Erase the caller
///
/// The key that opens their personal fields is destroyed, their account is gone, their orders leave the
/// books and their notifications are deleted. What they traded stays, for accounting, under an id that names
/// nobody any more. It cannot be undone. 202: trade or notification do not answer; they are told again until
/// they have forgotten the person too.
#[utoipa::path(
    responses(
        (status = 204, description = "Every service has forgotten the person"),
        (status = 202, description = "User has; the others follow")
    ),
    security(("token" = []))
)]
#[post("/v1/users/me/erasure")]
pub async fn erase(
    store: Data<Store>,
    passwords: Data<Passwords>,
    erasures: Data<Erasures>,
    hops: Hops,
    caller: Caller,
    body: Json<Proof>,
) -> Result<HttpResponse, Problem> {
    let password = body.into_inner().password;
    prove_caller(&store, &passwords, &caller, password).await?;
    store.erase(caller.user, caller.user).await?;
    match erasures.complete(caller.user, &hops).await {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        Err(error) => {
            tracing::warn!(%error, "an erasure is not complete yet");
            Ok(HttpResponse::Accepted().finish())
        }
    }
}
