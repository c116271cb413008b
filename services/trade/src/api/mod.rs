//! Endpoints: one file for each kind of thing, each endpoint listed here.

mod accounts;
mod balances;
mod fills;
mod idempotency_key;
mod ledger;
mod markets;
mod orders;
mod placing;
mod refused;

use exchange_platform::Endpoints;

/// All endpoints of this service.
pub fn endpoints(endpoints: &mut Endpoints<'_>) {
    endpoints
        .service(balances::deposit)
        .service(balances::withdraw)
        .service(balances::list)
        .service(placing::place)
        .service(orders::list)
        .service(orders::show)
        .service(orders::cancel)
        .service(fills::list)
        .service(markets::book)
        .service(markets::trades)
        .service(ledger::show)
        .service(accounts::export)
        .service(accounts::erase);
}
