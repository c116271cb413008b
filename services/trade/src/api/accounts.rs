//! One person's account as a whole: what user asks for on the person's behalf.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post};
use exchange_platform::{Caller, Problem, next_page, rfc3339};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::refused::refused;
use crate::store::Store;
use crate::store::balances::Balance;
use crate::store::export::Entry;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportPage {
    /// Leave out this entry and those before it: the `next` of the page before
    after: Option<Uuid>,
    /// About so many entries; 1000 when absent, 1000 at most
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub struct Export {
    balances: Vec<HoldingDocument>,
    /// Deposits, withdrawals, orders and fills, oldest first
    entries: Vec<EntryDocument>,
    /// What to send as `after` for the next page; absent on the last
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Holding)]
struct HoldingDocument {
    asset: String,
    available: Decimal,
    reserved: Decimal,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Entry)]
#[serde(rename_all = "camelCase")]
struct EntryDocument {
    id: Uuid,
    /// `deposit`, `withdrawal`, `order` or `fill`
    kind: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(value_type = Object)]
    details: Value,
}

/// Everything that is held about a user, page by page
///
/// For the user, or a caller with the role `service`.
#[utoipa::path(
    tag = "internal",
    params(("user" = Uuid, Path), ExportPage),
    responses((status = 200, body = Export)),
    security(("token" = []))
)]
#[get("/internal/accounts/{user}/export")]
pub async fn export(
    store: Data<Store>,
    caller: Caller,
    user: Path<Uuid>,
    page: Query<ExportPage>,
) -> Result<Json<Export>, Problem> {
    caller.require_self_or_role(*user, "service")?;
    let limit = page.limit.unwrap_or(1000).clamp(1, 1000);
    let after = page.after.unwrap_or(Uuid::nil());
    let entries = store.history(*user, after, i64::from(limit)).await?;
    let next = next_page(&entries, limit, |last| last.id);
    let balances = store.balances(*user).await?;
    Ok(Json(Export {
        balances: balances.into_iter().map(holding).collect(),
        entries: entries.into_iter().map(entry).collect(),
        next,
    }))
}

/// Close a user's account for good
///
/// Its orders leave the books, and what only served the person is forgotten. What was traded stays, for
/// accounting, under an id that names nobody once user has forgotten the person. Repeating it is harmless.
/// For the user, or a caller with the role `service`.
#[utoipa::path(
    tag = "internal",
    params(("user" = Uuid, Path)),
    responses((status = 204, description = "The account is closed")),
    security(("token" = []))
)]
#[post("/internal/accounts/{user}/erasure")]
pub async fn erase(
    store: Data<Store>,
    caller: Caller,
    user: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    caller.require_self_or_role(*user, "service")?;
    store.erase(*user).await.map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

fn holding(balance: Balance) -> HoldingDocument {
    HoldingDocument {
        asset: balance.asset,
        available: balance.available.normalize(),
        reserved: balance.reserved.normalize(),
    }
}

fn entry(entry: Entry) -> EntryDocument {
    EntryDocument {
        id: entry.id,
        kind: entry.kind,
        created_at: rfc3339(entry.created_micros),
        details: entry.details,
    }
}
