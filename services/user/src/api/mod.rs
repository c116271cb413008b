//! Endpoints: one file for each kind of thing, each endpoint listed here.

mod keys;
mod roles;
mod sessions;
mod users;

use exchange_platform::Endpoints;

/// All endpoints of this service.
pub fn endpoints(endpoints: &mut Endpoints<'_>) {
    endpoints
        .service(users::register)
        .service(users::me)
        .service(users::standing)
        .service(roles::set)
        .service(sessions::log_in)
        .service(sessions::prolong)
        .service(sessions::log_out)
        .service(sessions::log_out_everywhere)
        .service(keys::published)
        .service(keys::rotate)
        .service(keys::withdraw);
}
