//! Endpoints: one file for each kind of thing, each endpoint listed here.

mod audit;
mod consents;
mod erasure;
mod export;
mod keys;
mod profile;
mod proof;
mod restriction;
mod roles;
mod sessions;
mod users;

use exchange_platform::Endpoints;

/// All endpoints of this service.
pub fn endpoints(endpoints: &mut Endpoints<'_>) {
    endpoints
        .service(users::register)
        .service(users::standing)
        .service(profile::show)
        .service(profile::rectify)
        .service(consents::purposes)
        .service(consents::list)
        .service(consents::say)
        .service(consents::agreed_users)
        .service(restriction::restrict_own)
        .service(restriction::lift_own)
        .service(restriction::restrict)
        .service(restriction::lift)
        .service(export::export)
        .service(erasure::erase)
        .service(audit::list)
        .service(roles::set)
        .service(sessions::log_in)
        .service(sessions::prolong)
        .service(sessions::log_out)
        .service(sessions::log_out_everywhere)
        .service(keys::published)
        .service(keys::rotate)
        .service(keys::withdraw);
}
