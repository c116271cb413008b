//! What people may do.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, put};
use exchange_platform::{Caller, Problem};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::roles::{self, OPERATOR};
use crate::store::Store;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// `trader`, `operator`, both or neither
    #[schema(example = json!(["trader", "operator"]))]
    roles: Vec<String>,
}

/// Set the roles of an account
///
/// They count from its next token on: a token that is out stays as it is until it expires.
#[utoipa::path(
    tag = "operator",
    params(("id" = Uuid, Path)),
    responses((status = 204, description = "The roles are set")),
    security(("token" = []))
)]
#[put("/v1/users/{id}/roles")]
pub async fn set(
    store: Data<Store>,
    caller: Caller,
    id: Path<Uuid>,
    body: Json<Roles>,
) -> Result<HttpResponse, Problem> {
    caller.require_role(OPERATOR)?;
    let roles = roles::parse(body.into_inner().roles);
    let roles = roles.map_err(|error| Problem::unprocessable("roles", error.to_string()))?;
    if !store.set_roles(*id, caller.user, &roles).await? {
        return Err(Problem::not_found("There is no account with this id."));
    }
    Ok(HttpResponse::NoContent().finish())
}
