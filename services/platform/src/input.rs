//! Limits on what clients may send, and what they are told when they pass them.

use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::web::{JsonConfig, PathConfig, PayloadConfig, QueryConfig, ServiceConfig};

use crate::problem::Problem;

/// Largest body that is read.
const BODY_LIMIT: usize = 64 * 1024;

/// Applies the limits to an app.
pub(crate) fn limits(config: &mut ServiceConfig) {
    config
        .app_data(PayloadConfig::new(BODY_LIMIT))
        .app_data(
            JsonConfig::default()
                .limit(BODY_LIMIT)
                .error_handler(|error, _| json(&error).into()),
        )
        .app_data(QueryConfig::default().error_handler(|error, _| query(&error).into()))
        .app_data(PathConfig::default().error_handler(|error, _| path(&error).into()));
}

fn json(error: &JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            let detail = "Bodies may hold at most 64 KiB.";
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "Body too large",
                detail,
            )
        }
        JsonPayloadError::ContentType => {
            let detail = "Send JSON, with `content-type: application/json`.";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Problem::new(status, "media-type", "Unsupported media type", detail)
        }
        JsonPayloadError::Deserialize(error) => {
            Problem::bad_request(format!("The body does not fit: {error}"))
        }
        _ => Problem::bad_request("The body could not be read."),
    }
}

fn query(error: &QueryPayloadError) -> Problem {
    Problem::bad_request(format!("The query does not fit: {error}"))
}

fn path(_: &PathError) -> Problem {
    Problem::not_found("There is nothing at this path.")
}
