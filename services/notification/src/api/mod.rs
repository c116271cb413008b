//! Endpoints: one file for each kind of thing, each route listed here.

mod events;
mod notifications;

use actix_web::web::{ServiceConfig, get, post, resource};

use crate::state::State;

/// All routes of this service.
pub fn routes(config: &mut ServiceConfig, state: &State) {
    config
        .app_data(state.store.clone())
        .app_data(state.keys.clone())
        .service(resource("/internal/events").route(post().to(events::take)))
        .service(resource("/v1/notifications").route(get().to(notifications::list)));
}
