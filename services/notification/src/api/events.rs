//! Events from other services.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use exchange_platform::Problem;

use crate::domain::event::{Event, check};
use crate::store::Store;

/// `POST /internal/events`
pub async fn take(store: Data<Store>, events: Json<Vec<Event>>) -> Result<HttpResponse, Problem> {
    check(&events).map_err(|error| Problem::unprocessable("events", error.to_string()))?;
    store.add(events.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}
