//! What requests are told apart by, and how the API server says no.

use std::convert::Infallible;

use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Bytes;
use hyper::{Method, Request, Response, header};
use serde_json::json;

use super::Answer;

/// Whether it writes; leases and Events are not counted.
pub fn is_write<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    request.method() != Method::GET && !["/leases", "/events"].iter().any(|k| path.contains(k))
}

/// Whether it points a Service elsewhere. Other merge patches are stamps, of which live Services get none.
pub fn is_flip<B>(request: &Request<B>) -> bool {
    let is_merge = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/merge-patch+json");
    let path = request.uri().path();
    let is_pinned = ["-blue", "-green"].iter().any(|end| path.ends_with(end));
    is_merge && path.contains("/services/") && !is_pinned
}

pub fn is_watch<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "watch=true")
}

pub fn refusal(code: u16) -> Answer {
    let mut answer = Response::new(whole(status(code).to_string()));
    *answer.status_mut() = hyper::StatusCode::from_u16(code).unwrap_or_default();
    answer
}

/// As the API server says no.
pub fn status(code: u16) -> serde_json::Value {
    let reason = match code {
        409 => "Conflict",
        422 => "Invalid",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "spoiled by a test", "reason": reason, "code": code,
    })
}

pub fn whole(text: String) -> UnsyncBoxBody<Bytes, kube::Error> {
    let never = |never: Infallible| match never {};
    Full::new(Bytes::from(text)).map_err(never).boxed_unsync()
}
