//! The edge of the client port: every request passes here on its way in, every answer on its way out.

use std::time::Instant;

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::middleware::Next;

use crate::calls::CALLER;
use crate::hops::{HOPS, Hops};
use crate::platform::Platform;
use crate::problem::{PROBLEM_JSON, Problem};
use crate::runtime::OnMain;
use crate::settings::Colour;
use crate::traffic::ConnectionGuard;

/// Counts the request, runs it in the main runtime's context, and sees to it that the answer says who
/// gave it, whether to reconnect, and, if it is an error, in a problem document what to do.
pub(crate) async fn edge(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(platform) = request.app_data::<Platform>().cloned() else {
        return Err(Problem::internal().into());
    };
    let own_colour = comes_from_own_colour(&request, platform.identity().colour);
    if own_colour && let Some(connection) = request.request().conn_data::<ConnectionGuard>() {
        connection.mark_own_colour();
    }
    let _in_flight = platform.lifecycle().traffic.request(own_colour);
    let hops = Hops::default();
    request.extensions_mut().insert(hops.clone());
    let begun = Instant::now();

    let answered = OnMain::new(platform.main(), next.call(request)).await?;

    let mut response = with_problem_document(answered.map_into_boxed_body());
    sign(&mut response, &platform, &hops);
    if platform.lifecycle().closes_connections() {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    record(&response, &platform, begun);
    Ok(response)
}

fn comes_from_own_colour(request: &ServiceRequest, own: Colour) -> bool {
    let caller = request.headers().get(CALLER).and_then(|h| h.to_str().ok());
    let colour = caller.and_then(|caller| caller.rsplit('/').next());
    own != Colour::None && colour == Some(own.as_str())
}

/// Routing and extractors answer some errors without a body; clients get a document all the same.
fn with_problem_document(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let content_type = response.headers().get(CONTENT_TYPE);
    let has_document =
        content_type.is_some_and(|value| value.as_bytes() == PROBLEM_JSON.as_bytes());
    if has_document || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let document = Problem::bare(status).replacing(response.response());
    response.into_response(document)
}

fn sign(response: &mut ServiceResponse<BoxBody>, platform: &Platform, hops: &Hops) {
    let identity = platform.identity();
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-exchange-colour", identity.colour.as_str());
    set("x-exchange-version", &identity.version);
    set(HOPS, &hops.header(platform.hop()));
}

fn record(response: &ServiceResponse<BoxBody>, platform: &Platform, begun: Instant) {
    let (route, status) = (response.request().match_pattern(), response.status());
    let took = begun.elapsed();
    if status.is_server_error() {
        let kind = response.response().error();
        let kind = kind
            .and_then(|e| e.as_error::<Problem>())
            .map(Problem::kind);
        let route = route.as_deref();
        tracing::warn!(route, status = status.as_u16(), kind, "request failed");
    } else {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(
            route = route.as_deref(),
            status = status.as_u16(),
            micros,
            "request"
        );
    }
    platform
        .lifecycle()
        .metrics
        .answered(route, status.as_u16(), took);
}
