//! Endpoints: one file for each kind of thing, each endpoint listed here.

mod accounts;
mod events;
mod notifications;
mod stream;

use exchange_platform::Endpoints;

/// All endpoints of this service.
pub fn endpoints(endpoints: &mut Endpoints<'_>) {
    endpoints
        .service(events::take)
        .service(notifications::list)
        .service(stream::follow)
        .service(accounts::export)
        .service(accounts::erase);
}
