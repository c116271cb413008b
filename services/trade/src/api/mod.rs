//! Endpoints: one file for each kind of thing, each route listed here.

mod balances;
mod book;
mod idempotency_key;
mod orders;

use actix_web::http::StatusCode;
use actix_web::web::{get, post, resource};
use exchange_platform::{Endpoints, Problem};

use crate::store::WriteError;

/// All endpoints of this service.
pub fn endpoints(endpoints: &mut Endpoints<'_>) {
    endpoints.map(|config| {
        config
            .service(resource("/v1/deposits").route(post().to(balances::deposit)))
            .service(resource("/v1/balances").route(get().to(balances::list)))
            .service(
                resource("/v1/orders")
                    .route(post().to(orders::place))
                    .route(get().to(orders::list)),
            )
            .service(resource("/v1/orders/{id}").route(get().to(orders::show)))
            .service(resource("/v1/markets/{market}/book").route(get().to(book::show)))
    });
}

/// What clients are told when a write was not done.
fn refused(error: WriteError) -> Problem {
    match error {
        WriteError::KeyReused => Problem::unprocessable(
            "idempotency-key",
            "This Idempotency-Key was used for another request. Use a new one.",
        ),
        WriteError::NoFunds(asset) => Problem::new(
            StatusCode::CONFLICT,
            "insufficient-funds",
            "Insufficient funds",
            format!(
                "There is not enough {} available for this order.",
                asset.as_str()
            ),
        ),
        WriteError::Money(error) => Problem::unprocessable("amount", error.to_string()),
        WriteError::Database(error) => error.into(),
    }
}
