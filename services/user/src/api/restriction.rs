//! Restriction: what is stored about a person stays, and they do not trade.

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete, put};
use exchange_platform::{Caller, Problem};
use uuid::Uuid;

use super::users::gone;
use crate::domain::restriction::Side;
use crate::domain::roles::OPERATOR;
use crate::store::Store;

/// Restrict the caller's own account
///
/// Their data stays and is used no more: trade takes no orders. Repeating it is harmless.
#[utoipa::path(
    responses((status = 204, description = "The account is restricted")),
    security(("token" = []))
)]
#[put("/v1/users/me/restriction")]
pub async fn restrict_own(store: Data<Store>, caller: Caller) -> Result<HttpResponse, Problem> {
    own(&store, &caller, true).await
}

/// Lift the caller's own restriction
///
/// One by an operator stays.
#[utoipa::path(
    responses((status = 204, description = "The caller does not restrict the account")),
    security(("token" = []))
)]
#[delete("/v1/users/me/restriction")]
pub async fn lift_own(store: Data<Store>, caller: Caller) -> Result<HttpResponse, Problem> {
    own(&store, &caller, false).await
}

/// Restrict an account
#[utoipa::path(
    tag = "operator",
    params(("id" = Uuid, Path)),
    responses((status = 204, description = "The account is restricted")),
    security(("token" = []))
)]
#[put("/v1/users/{id}/restriction")]
pub async fn restrict(
    store: Data<Store>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    by_operator(&store, &caller, *id, true).await
}

/// Lift an operator's restriction
///
/// One that the person asked for stays.
#[utoipa::path(
    tag = "operator",
    params(("id" = Uuid, Path)),
    responses((status = 204, description = "No operator restricts the account")),
    security(("token" = []))
)]
#[delete("/v1/users/{id}/restriction")]
pub async fn lift(
    store: Data<Store>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    by_operator(&store, &caller, *id, false).await
}

async fn own(store: &Store, caller: &Caller, restricted: bool) -> Result<HttpResponse, Problem> {
    let (user, side) = (caller.user, Side::Person);
    if !store.restrict(user, user, side, restricted).await? {
        return Err(gone());
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn by_operator(
    store: &Store,
    caller: &Caller,
    id: Uuid,
    restricted: bool,
) -> Result<HttpResponse, Problem> {
    caller.require_role(OPERATOR)?;
    let side = Side::Operator;
    if !store.restrict(id, caller.user, side, restricted).await? {
        return Err(Problem::not_found("There is no account with this id."));
    }
    Ok(HttpResponse::NoContent().finish())
}
