//! A user's notifications.

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use exchange_platform::{Caller, Platform, Problem, rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::store::{Notification, Store};

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
struct NotificationDocument {
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
    let position = match page.after {
        None => 0,
        Some(id) => {
            let unknown =
                || Problem::unprocessable("after", "`after` is not one of your notifications.");
            store.position(caller.user, id).await?.ok_or_else(unknown)?
        }
    };
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

fn document(notification: Notification) -> NotificationDocument {
    NotificationDocument {
        id: notification.id,
        kind: notification.kind,
        payload: notification.payload,
        created_at: rfc3339(notification.created_micros),
    }
}
