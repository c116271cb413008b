//! News of releases, for the users who agreed to hear of them.

use std::time::{Duration, Instant};

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, post};
use exchange_platform::{Caller, Hops, Peer, Problem, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::announcement::{Announcement, PURPOSE};
use crate::store::Store;
use crate::store::announcements::Announced;

/// One request tells people for this long; the next goes on from there.
const AT_ONCE: Duration = Duration::from_secs(5);
/// Announcements that are listed.
const LISTED: i64 = 100;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct New {
    /// What is released
    #[schema(example = "2.0.0", min_length = 1, max_length = 64)]
    version: String,
    #[schema(
        example = "Spreads in the order book",
        min_length = 1,
        max_length = 200
    )]
    title: String,
    #[schema(
        example = "The book of each market shows its spread.",
        min_length = 1,
        max_length = 4000
    )]
    text: String,
}

#[derive(Serialize, ToSchema)]
pub struct Announcements {
    announcements: Vec<AnnouncementDocument>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Announcement)]
#[serde(rename_all = "camelCase")]
struct AnnouncementDocument {
    id: Uuid,
    version: String,
    title: String,
    text: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When everybody had been told; absent before
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    finished_at: Option<String>,
}

/// Users who agree, as user lists them.
#[derive(Deserialize)]
struct Agreed {
    users: Vec<Uuid>,
    next: Option<Uuid>,
}

/// Tell the users who agreed that a version is released
///
/// Each is told once, however often this is sent, by whichever process. Whoever withdrew consent, switched
/// announcements off or was erased is left out.
#[utoipa::path(
    tag = "operator",
    responses(
        (status = 200, body = AnnouncementDocument, description = "Everybody has been told"),
        (status = 202, body = AnnouncementDocument, description = "Some have been told: send it again to go on"),
    ),
    security(("token" = []))
)]
#[post("/v1/announcements")]
pub async fn announce(
    store: Data<Store>,
    user: Data<Peer>,
    caller: Caller,
    hops: Hops,
    body: Json<New>,
) -> Result<HttpResponse, Problem> {
    caller.require_role("operator")?;
    let new = Announcement::new(&body.version, &body.title, &body.text)
        .map_err(|error| Problem::unprocessable("announcement", error.to_string()))?;
    let mut announced = store.announce(&new).await?;
    if (&announced.title, &announced.body) != (&new.title, &new.text) {
        let detail = "This version was announced in other words. GET /v1/announcements shows them.";
        return Err(Problem::conflict("version", detail));
    }
    let began = Instant::now();
    while announced.finished_micros.is_none() {
        if began.elapsed() > AT_ONCE {
            return Ok(HttpResponse::Accepted().json(document(announced)));
        }
        let page = format!(
            "/internal/purposes/{PURPOSE}/users?after={}",
            announced.done_up_to
        );
        let agreed: Agreed = user.get(&page, Some(&caller.token), &hops).await?;
        let is_last = agreed.next.is_none();
        announced = store.tell(&announced, &agreed.users, is_last).await?;
    }
    Ok(HttpResponse::Ok().json(document(announced)))
}

/// What was announced, newest first
#[utoipa::path(
    tag = "operator",
    responses((status = 200, body = Announcements)),
    security(("token" = []))
)]
#[get("/v1/announcements")]
pub async fn list(store: Data<Store>, caller: Caller) -> Result<Json<Announcements>, Problem> {
    caller.require_role("operator")?;
    let all = store.announcements(LISTED).await?;
    Ok(Json(Announcements {
        announcements: all.into_iter().map(document).collect(),
    }))
}

fn document(announced: Announced) -> AnnouncementDocument {
    AnnouncementDocument {
        id: announced.id,
        version: announced.version,
        title: announced.title,
        text: announced.body,
        created_at: rfc3339(announced.created_micros),
        finished_at: announced.finished_micros.map(rfc3339),
    }
}
