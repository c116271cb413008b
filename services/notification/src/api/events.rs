//! Events from other services.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, post};
use exchange_platform::Problem;

use crate::domain::event::{Event, check};
use crate::store::Store;

/// Take events, each once in effect
///
/// An event that was delivered before changes nothing. A batch is taken whole or not at all.
#[utoipa::path(tag = "internal", responses((status = 204, description = "All are kept")))]
#[post("/internal/events")]
pub async fn take(store: Data<Store>, events: Json<Vec<Event>>) -> Result<HttpResponse, Problem> {
    check(&events).map_err(|error| Problem::unprocessable("events", error.to_string()))?;
    store.add(&events).await?;
    Ok(HttpResponse::NoContent().finish())
}
