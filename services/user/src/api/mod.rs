//! Endpoints: one file for each kind of thing, each route listed here.

mod keys;
mod sessions;
mod users;

use actix_web::web::{ServiceConfig, get, post, resource};

use crate::state::State;

/// All routes of this service.
pub fn routes(config: &mut ServiceConfig, state: &State) {
    config
        .app_data(state.accounts.clone())
        .app_data(state.passwords.clone())
        .app_data(state.sessions.clone())
        .app_data(state.published.clone())
        .app_data(state.keys.clone())
        .service(resource("/v1/users").route(post().to(users::register)))
        .service(resource("/v1/users/me").route(get().to(users::me)))
        .service(resource("/v1/standing").route(get().to(users::standing)))
        .service(resource("/v1/sessions").route(post().to(sessions::log_in)))
        .service(resource("/.well-known/jwks.json").route(get().to(keys::published)));
}
