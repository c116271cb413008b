//! A user's notifications, as they come.

use std::convert::Infallible;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use exchange_platform::{Caller, Platform, Problem};
use futures::{StreamExt, stream};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;
use uuid::Uuid;

use super::notifications::{document, position};
use crate::domain::sse;
use crate::feed::Feed;
use crate::store::Store;
use crate::store::inbox::Notification;
use crate::streams::{Streams, TooMany};

/// Events that wait for a slow client; beyond that they wait in the database.
const AHEAD: usize = 16;
const LAST_EVENT_ID: &str = "last-event-id";

#[derive(Deserialize, IntoParams)]
pub struct Start {
    /// Leave out this notification and those before it; `Last-Event-ID` wins
    after: Option<Uuid>,
}

/// The caller's notifications as server-sent events: what there is, then what comes
///
/// `id` is the notification's, `event` its kind, `data` the notification. The stream ends when this
/// process should get no more requests, with a `retry` that says when to come back: a client that sends
/// `Last-Event-ID` then goes on where it was. One stream ends after ten minutes.
#[utoipa::path(
    params(Start, ("Last-Event-ID" = Option<Uuid>, Header, description = "The last event that was seen")),
    responses((status = 200, body = String, content_type = "text/event-stream")),
    security(("token" = []))
)]
#[get("/v1/notifications/stream")]
pub async fn follow(
    platform: Data<Platform>,
    store: Data<Store>,
    streams: Data<Streams>,
    caller: Caller,
    start: Query<Start>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let seen = last_event_id(&request)?.or(start.after);
    let position = position(&store, caller.user, seen).await?;
    let (to, mut events) = mpsc::channel(AHEAD);
    let feed = Feed {
        store: store.into_inner(),
        user: caller.user,
        position,
        place: streams.into_inner().join(caller.user).map_err(too_many)?,
        to,
        write,
    };
    platform.spawn(feed.run(platform.leaving()));
    let texts = stream::poll_fn(move |context| events.poll_recv(context));
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        // The connection ends with the stream, so that coming back means a new connection, which goes to
        // whoever is live then.
        .force_close()
        .streaming(texts.map(|text: String| Ok::<_, Infallible>(Bytes::from(text)))))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<Uuid>, Problem> {
    let Some(header) = request.headers().get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    // Clients that have seen nothing yet may send it empty.
    if header.is_empty() {
        return Ok(None);
    }
    let id = Uuid::try_parse_ascii(header.as_bytes());
    id.map(Some)
        .map_err(|_| Problem::bad_request("Last-Event-ID must be the id of an event, a UUID."))
}

fn write(notification: Notification) -> String {
    let (id, kind) = (notification.id, notification.kind.clone());
    let data = serde_json::to_string(&document(notification)).unwrap_or_default();
    sse::event(id, &kind, &data)
}

fn too_many(reason: TooMany) -> Problem {
    match reason {
        TooMany::OfUser => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "streams",
            "Too many streams",
            "You have too many streams open. Close one of them.",
        ),
        TooMany::OfProcess => {
            Problem::unavailable("streams", "Many people listen at the moment. Try again.")
        }
    }
}
