//! Endpoints: one file for each kind of thing, each route listed here.

mod keys;
mod sessions;
mod users;

use actix_web::web::{get, post, resource};
use exchange_platform::Endpoints;

/// All endpoints of this service.
pub fn endpoints(endpoints: &mut Endpoints<'_>) {
    endpoints.map(|config| {
        config
            .service(resource("/v1/users").route(post().to(users::register)))
            .service(resource("/v1/users/me").route(get().to(users::me)))
            .service(resource("/v1/standing").route(get().to(users::standing)))
            .service(resource("/v1/sessions").route(post().to(sessions::log_in)))
            .service(resource("/.well-known/jwks.json").route(get().to(keys::published)))
    });
}
