//! A user's notifications.

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use exchange_platform::{Caller, Platform, Problem, rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::store::Store;
use crate::store::inbox::Notification;

#[derive(Deserialize, IntoParams)]
pub struct Page {
    /// Leave out this notification and those before it
    after: Option<Uuid>,
    /// At most so many; 50 when absent, 200 at most
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub struct Notifications {
    notifications: Vec<NotificationDocument>,
    /// How many come after `after`, in this answer or a later one; only in versions with the feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Notification)]
#[serde(rename_all = "camelCase")]
pub struct NotificationDocument {
    id: Uuid,
    kind: String,
    #[schema(value_type = Object)]
    payload: Value,
    #[schema(format = DateTime)]
    created_at: String,
}

/// The caller's notifications, oldest first
#[utoipa::path(
    params(Page),
    responses((status = 200, body = Notifications)),
    security(("token" = []))
)]
#[get("/v1/notifications")]
pub async fn list(
    platform: Data<Platform>,
    store: Data<Store>,
    caller: Caller,
    page: Query<Page>,
) -> Result<Json<Notifications>, Problem> {
    let position = position(&store, caller.user, page.after).await?;
    let limit = i64::from(page.limit.unwrap_or(50).clamp(1, 200));
    let notifications = store.after(caller.user, position, limit).await?;
    let unread = match platform.identity().has("unread-count") {
        true => Some(store.count_after(caller.user, position).await?),
        false => None,
    };
    Ok(Json(Notifications {
        notifications: notifications.into_iter().map(document).collect(),
        unread,
    }))
}

/// Where a reader stands who has seen everything up to a notification.
pub async fn position(store: &Store, user: Uuid, seen: Option<Uuid>) -> Result<i64, Problem> {
    let Some(id) = seen else {
        return Ok(0);
    };
    let unknown = || {
        let detail = "This is not one of your notifications, or no longer. Begin without it.";
        Problem::unprocessable("after", detail)
    };
    store.position(user, id).await?.ok_or_else(unknown)
}

/// A notification as its user sees it, in a list or in a stream.
pub fn document(notification: Notification) -> NotificationDocument {
    NotificationDocument {
        id: notification.id,
        kind: notification.kind,
        payload: notification.payload,
        created_at: rfc3339(notification.created_micros),
    }
}
