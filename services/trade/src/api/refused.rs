//! What clients are told when a write was not done.

use actix_web::http::StatusCode;
use exchange_platform::Problem;

use crate::store::WriteError;

/// The problem document for a write that was not done.
pub fn refused(error: WriteError) -> Problem {
    match error {
        WriteError::KeyReused => Problem::unprocessable(
            "idempotency-key",
            "This Idempotency-Key was used for another request. Use a new one.",
        ),
        WriteError::NoFunds(asset) => Problem::new(
            StatusCode::CONFLICT,
            "insufficient-funds",
            "Insufficient funds",
            format!("There is not enough {} available for this.", asset.as_str()),
        ),
        WriteError::NoOrder => no_order(),
        WriteError::Closed => Problem::conflict(
            "order-closed",
            "Nothing of this order rests in the book any more: it is filled or cancelled.",
        ),
        WriteError::Erased => Problem::forbidden("erased", "This account was erased."),
        WriteError::Money(error) => Problem::unprocessable("amount", error.to_string()),
        WriteError::Database(error) => error.into(),
    }
}

/// There is no such order, or it is someone else's.
pub fn no_order() -> Problem {
    Problem::not_found("You have no order with this id.")
}
