//! Endpoints: one file for each kind of thing, each endpoint listed here.

mod accounts;
mod announcements;
mod events;
mod notifications;
mod preferences;
mod stream;

use exchange_platform::Endpoints;

/// All endpoints of this service.
pub fn endpoints(endpoints: &mut Endpoints<'_>) {
    endpoints
        .service(events::take)
        .service(notifications::list)
        .service(stream::follow)
        .service(preferences::show)
        .service(preferences::set)
        .service(announcements::announce)
        .service(announcements::list)
        .service(accounts::export)
        .service(accounts::erase);
}
