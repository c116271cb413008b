//! The audit log, for operators. A person's own part is in their export.

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use exchange_platform::{Caller, Problem, next_page, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::domain::roles::OPERATOR;
use crate::store::Store;
use crate::store::audit::Entry;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Only what was done to this person's data
    user: Option<Uuid>,
    /// Leave out this entry and those before it: the `next` of the page before
    after: Option<Uuid>,
    /// At most so many; 100 when absent, 1000 at most
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub struct AuditLog {
    entries: Vec<EntryDocument>,
    /// What to send as `after` for the next page; absent on the last
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
#[serde(rename_all = "camelCase")]
struct EntryDocument {
    id: Uuid,
    user_id: Uuid,
    /// Absent where the exchange itself did it
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Uuid>,
    action: String,
    #[schema(format = DateTime)]
    created_at: String,
}

/// Who did what to whose data, oldest first
///
/// Nothing that was personal: what stood in a changed field is sealed, and only in the person's export.
#[utoipa::path(
    tag = "operator",
    params(Page),
    responses((status = 200, body = AuditLog)),
    security(("token" = []))
)]
#[get("/v1/audit-log")]
pub async fn list(
    store: Data<Store>,
    caller: Caller,
    page: Query<Page>,
) -> Result<Json<AuditLog>, Problem> {
    caller.require_role(OPERATOR)?;
    let limit = page.limit.unwrap_or(100).clamp(1, 1000);
    let after = page.after.unwrap_or(Uuid::nil());
    let entries = store.audit_log(page.user, after, i64::from(limit)).await?;
    let next = next_page(&entries, limit, |last| last.id);
    Ok(Json(AuditLog {
        entries: entries.into_iter().map(document).collect(),
        next,
    }))
}

fn document(entry: Entry) -> EntryDocument {
    EntryDocument {
        id: entry.id,
        user_id: entry.user_id,
        actor: entry.actor,
        action: entry.action,
        created_at: rfc3339(entry.created_micros),
    }
}
