//! What requests are told apart by, and how the API server says no.

use std::convert::Infallible;

use changeover_crds::names;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Bytes;
use hyper::{Method, Request, Response, header};
use serde_json::{Value, json};

use super::Answer;
use super::plan::Requests;

/// Plurals of the kinds that the operator reads and writes for a release.
const KINDS: [(&str, &str); 8] = [
    ("configmaps", "ConfigMap"),
    ("controllerrevisions", "ControllerRevision"),
    ("deployments", "Deployment"),
    ("endpointslices", "EndpointSlice"),
    ("exchangereleases", "ExchangeRelease"),
    ("poddisruptionbudgets", "PodDisruptionBudget"),
    ("pods", "Pod"),
    ("services", "Service"),
];

/// Whether it is one of these.
pub fn is_one_of<B>(requests: Requests, request: &Request<B>) -> bool {
    let is_read = request.method() == Method::GET;
    let is_of_release = call(request).is_some();
    match requests {
        Requests::Reads => is_of_release && is_read,
        Requests::Renewals => is_of_leases(request),
        Requests::Writes => is_of_release && !is_read,
        Requests::Stamps => is_merge(request) && !is_flip(request),
    }
}

fn is_of_leases<B>(request: &Request<B>) -> bool {
    request.uri().path().contains("/leases")
}

/// Whether it points a Service elsewhere. Other merge patches are stamps, of which live Services get none.
pub fn is_flip<B>(request: &Request<B>) -> bool {
    let path = request.uri().path();
    let is_pinned = ["-blue", "-green"].iter().any(|end| path.ends_with(end));
    is_merge(request) && path.contains("/services/") && !is_pinned
}

/// Whether it applies a Deployment.
pub fn is_scale<B>(request: &Request<B>) -> bool {
    is_patch(request, "application/apply-patch+yaml")
        && request.uri().path().contains("/deployments/")
}

pub fn is_watch<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "watch=true")
}

/// Verb and kind, as the operator's metrics call them: none for leases and Events, nor for watches and the lists that
/// they begin with, which are of all releases.
pub fn call<B>(request: &Request<B>) -> Option<(&'static str, &'static str)> {
    let mut parts = request.uri().path().split('/');
    parts.find(|part| *part == "namespaces")?;
    let plural = parts.nth(1)?;
    let (_, kind) = KINDS.iter().find(|(of, _)| *of == plural)?;
    let is_named = parts.next().is_some();
    let query = request.uri().query().unwrap_or_default();
    let is_of_one = query.contains(&format!("{}%3D", names::RELEASE.replace('/', "%2F")));
    let verb = match *request.method() {
        Method::GET if is_named => "get",
        Method::GET if is_of_one => "list",
        Method::GET => return None,
        Method::POST => "create",
        Method::PUT => "status",
        Method::DELETE => "delete",
        _ if is_flip(request) => "flip",
        _ if is_merge(request) => "stamp",
        _ => "apply",
    };
    Some((verb, kind))
}

/// Whether it is the list that a watch begins with.
pub fn is_list_of_all<B>(request: &Request<B>) -> bool {
    let is_read = request.method() == Method::GET && !is_watch(request);
    is_read && !is_of_leases(request) && call(request).is_none()
}

fn is_merge<B>(request: &Request<B>) -> bool {
    is_patch(request, "application/merge-patch+json")
}

fn is_patch<B>(request: &Request<B>, how: &str) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind == how)
}

pub fn refusal(code: u16) -> Answer {
    let mut answer = Response::new(whole(status(code).to_string()));
    *answer.status_mut() = hyper::StatusCode::from_u16(code).unwrap_or_default();
    answer
}

/// What the API server says to a watch from a version that is too old.
pub fn gone() -> Answer {
    let event = json!({"type": "ERROR", "object": status(410)});
    Response::new(whole(format!("{event}\n")))
}

/// As the API server says no.
fn status(code: u16) -> Value {
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

fn whole(text: String) -> UnsyncBoxBody<Bytes, kube::Error> {
    let never = |never: Infallible| match never {};
    Full::new(Bytes::from(text)).map_err(never).boxed_unsync()
}
