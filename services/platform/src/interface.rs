//! The interface of a service as an OpenAPI document, made from the endpoints themselves.
//!
//! A handler carries its method and path (`#[get("/v1/orders/{id}")]`) and below that what it takes and
//! answers (`#[utoipa::path]`); listing it in `api/mod.rs` both serves and documents it.

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, ResponseError, get};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Info, OpenApi, Ref, RefOr, Response, ResponseBuilder, Tag,
};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::identity::VersionDocument;
use crate::platform::Platform;
use crate::problem::{Document, PROBLEM_JSON, Problem};

/// Where a service lists its endpoints.
pub type Endpoints<'a> = ServiceConfig<'a>;

/// What is served at a path, in the form in which requests ask for it.
pub(crate) struct Interface {
    text: Bytes,
    /// Each path with the methods it takes.
    paths: Vec<(actix_web::dev::ResourceDef, String)>,
}

/// Endpoints that every service has.
pub(crate) fn common(endpoints: &mut Endpoints<'_>) {
    endpoints.service(version).service(openapi);
}

/// The document of a service.
pub(crate) fn document(service: &str, endpoints: fn(&mut Endpoints<'_>)) -> OpenApi {
    let app = App::new().into_utoipa_app();
    let (_, mut document) = app.configure(common).configure(endpoints).split_for_parts();
    document.info = Info::new(format!("{service} of the exchange"), "1".to_owned());
    document.info.description = Some(
        "An error is a problem document (RFC 9457). 503 comes with `Retry-After`: try again."
            .into(),
    );
    document.tags = Some(vec![
        described(
            "internal",
            "For the other services of the exchange, inside the cluster",
        ),
        described("operator", "For people with the role `operator`"),
    ]);
    add_components(document.components.get_or_insert_default());
    for path in document.paths.paths.values_mut() {
        for (_, operation) in operations(path) {
            let problem = RefOr::Ref(Ref::from_response_name("Problem"));
            let responses = &mut operation.responses.responses;
            responses.entry("default".to_owned()).or_insert(problem);
        }
    }
    document
}

/// The document as it is checked in and served.
pub(crate) fn text(document: &OpenApi) -> String {
    document.to_pretty_json().unwrap_or_default() + "\n"
}

fn described(name: &str, description: &str) -> Tag {
    let mut tag = Tag::new(name);
    tag.description = Some(description.to_owned());
    tag
}

fn add_components(components: &mut Components) {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT");
    let scheme = scheme.description(Some("The token of a login (user, POST /v1/sessions)"));
    components.security_schemes.insert(
        "token".to_owned(),
        SecurityScheme::Http(scheme.build()).into(),
    );
    components.schemas.insert("Problem".to_owned(), schema());
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let problem: Response = ResponseBuilder::new()
        .description("What went wrong and what to do about it")
        .content(PROBLEM_JSON, content)
        .build();
    let responses = &mut components.responses;
    responses.insert("Problem".to_owned(), problem.into());
}

fn schema() -> RefOr<utoipa::openapi::Schema> {
    <Document<'_> as utoipa::PartialSchema>::schema()
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("GET", &mut path.get),
        ("PUT", &mut path.put),
        ("POST", &mut path.post),
        ("DELETE", &mut path.delete),
        ("PATCH", &mut path.patch),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

impl Interface {
    pub(crate) fn new(mut document: OpenApi) -> Self {
        let text = Bytes::from(text(&document));
        let paths = document.paths.paths.iter_mut().map(|(path, item)| {
            let methods: Vec<&str> = operations(item).map(|(method, _)| method).collect();
            let pattern = actix_web::dev::ResourceDef::new(path.as_str());
            (pattern, methods.join(", "))
        });
        Self {
            paths: paths.collect(),
            text,
        }
    }

    /// The methods that a path takes; `None` when there is nothing at it.
    fn methods(&self, path: &str) -> Option<&str> {
        let found = self
            .paths
            .iter()
            .find(|(pattern, _)| pattern.is_match(path));
        found.map(|(_, methods)| methods.as_str())
    }
}

/// Which service, version and colour answers
#[utoipa::path(responses((status = 200, body = VersionDocument<'_>)))]
#[get("/version")]
async fn version(platform: Data<Platform>) -> HttpResponse {
    HttpResponse::Ok().json(platform.identity().document())
}

/// This document
#[utoipa::path(responses((status = 200, body = serde_json::Value)))]
#[get("/openapi.json")]
async fn openapi(interface: Data<Interface>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(interface.text.clone())
}

/// What a request gets that no endpoint takes: 405 where another method would do, else 404.
pub(crate) async fn nothing_here(request: HttpRequest, interface: Data<Interface>) -> HttpResponse {
    let Some(allowed) = interface.methods(request.path()) else {
        return Problem::not_found("There is nothing at this path.").error_response();
    };
    let problem = Problem::method_not_allowed();
    let mut response = problem.error_response();
    if request.method() != Method::CONNECT
        && let Ok(allowed) = HeaderValue::from_str(allowed)
    {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_says_that_errors_are_problem_documents() {
        let mut document = document("test", |_| {});
        let paths = document.paths.paths.values_mut();
        let operations: Vec<_> = paths.flat_map(operations).collect();
        assert_eq!(operations.len(), 2, "/version and /openapi.json");
        for (_, operation) in operations {
            assert!(operation.responses.responses.contains_key("default"));
        }
    }

    #[test]
    fn a_path_knows_its_methods() {
        let interface = Interface::new(document("test", |_| {}));
        assert_eq!(interface.methods("/version"), Some("GET"));
        assert_eq!(interface.methods("/versions"), None);
    }
}
