//! One person's account as a whole: what user asks for on the person's behalf.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post};
use exchange_platform::{Caller, Problem, next_page, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::notifications::{NotificationDocument, document, position};
use crate::store::Store;
use crate::store::accounts::Preferences;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportPage {
    /// Leave out this notification and those before it: the `next` of the page before
    after: Option<Uuid>,
    /// At most so many; 1000 when absent, 1000 at most
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub struct Export {
    /// What the user wants to hear of; absent if they never said
    #[serde(skip_serializing_if = "Option::is_none")]
    preferences: Option<PreferencesDocument>,
    /// Oldest first
    notifications: Vec<NotificationDocument>,
    /// What to send as `after` for the next page; absent on the last
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExportedPreferences)]
#[serde(rename_all = "camelCase")]
struct PreferencesDocument {
    fills: bool,
    announcements: bool,
    #[schema(format = DateTime)]
    changed_at: String,
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
    let position = position(&store, *user, page.after).await?;
    let notifications = store.after(*user, position, i64::from(limit)).await?;
    let next = next_page(&notifications, limit, |last| last.id);
    let preferences = store.preferences(*user).await?;
    Ok(Json(Export {
        preferences: preferences.map(preferences_document),
        notifications: notifications.into_iter().map(document).collect(),
        next,
    }))
}

/// Forget a user for good
///
/// Their notifications and preferences are deleted, and events about them are dropped from now on. Repeating
/// it is harmless. For the user, or a caller with the role `service`.
#[utoipa::path(
    tag = "internal",
    params(("user" = Uuid, Path)),
    responses((status = 204, description = "The user is forgotten")),
    security(("token" = []))
)]
#[post("/internal/accounts/{user}/erasure")]
pub async fn erase(
    store: Data<Store>,
    caller: Caller,
    user: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    caller.require_self_or_role(*user, "service")?;
    store.erase(*user).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn preferences_document(preferences: Preferences) -> PreferencesDocument {
    PreferencesDocument {
        fills: preferences.fills,
        announcements: preferences.announcements,
        changed_at: rfc3339(preferences.changed_micros),
    }
}
