//! The `Idempotency-Key` header.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use exchange_platform::Problem;
use utoipa::IntoParams;

/// The key under which a client may send a write again.
#[derive(IntoParams)]
#[into_params(parameter_in = Header, names("Idempotency-Key"))]
pub struct IdempotencyKey(
    /// Names this write, a UUID for example. Sent again, the write is answered and not repeated
    #[param(min_length = 1, max_length = 128, pattern = "^[ -~]+$")]
    pub String,
);

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let key = request
            .headers()
            .get("idempotency-key")
            .and_then(|h| h.to_str().ok());
        let usable = key.filter(|key| (1..=128).contains(&key.len()));
        let advice = "Send an Idempotency-Key header of 1 to 128 characters, a UUID for example.";
        ready(
            usable
                .map(|key| Self(key.to_owned()))
                .ok_or_else(|| Problem::bad_request(advice)),
        )
    }
}
