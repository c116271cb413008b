//! Errors as clients see them: problem documents (RFC 9457).

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

/// Content type of a problem document.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// An error as a client sees it. `detail` says what to do and holds no personal data.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: Cow<'static, str>,
    detail: Cow<'static, str>,
    retry_after: Option<u32>,
}

/// A problem document.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document<'a> {
    /// Which kind of problem
    #[schema(example = "/problems/not-found")]
    r#type: String,
    title: &'a str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What to do about it
    detail: &'a str,
}

impl Problem {
    /// A problem with a status, a kind (the last part of its `type`) and what to do about it.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            kind,
            title: Cow::Borrowed(title),
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// 400: the request cannot be read.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-request",
            "Bad request",
            detail,
        )
    }

    /// 401: no token, or one that is not valid.
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Not signed in",
            detail,
        )
    }

    /// 403: this caller may not do that.
    pub fn forbidden(kind: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, kind, "Not allowed", detail)
    }

    /// 404: there is no such thing, or it belongs to someone else.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// 405: the path exists, with other methods.
    pub(crate) fn method_not_allowed() -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let detail = "This path does not take this method; see the Allow header.";
        Self::new(status, "method", "Method not allowed", detail)
    }

    /// 409: it contradicts what was done before.
    pub fn conflict(kind: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, kind, "Conflict", detail)
    }

    /// 422: readable, but it cannot be done as asked.
    pub fn unprocessable(kind: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let title = "Request cannot be processed";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, title, detail)
    }

    /// 429: nothing was done; the client may try again after `seconds`.
    pub fn too_many(
        kind: &'static str,
        seconds: u32,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let title = "Too many requests";
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, kind, title, detail);
        problem.retry_after = Some(seconds.max(1));
        problem
    }

    /// 503: nothing was done; the client may try again after some seconds.
    pub fn unavailable(kind: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let title = "Temporarily unavailable";
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail);
        problem.retry_after = Some(1);
        problem
    }

    /// 500: our fault. The cause belongs in the log, not in the answer.
    pub fn internal() -> Self {
        let detail = "Something went wrong on our side. It has been logged.";
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "internal", "Internal error", detail)
    }

    /// The document for an answer that came without one.
    pub(crate) fn bare(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => "There is nothing at this path.",
            StatusCode::METHOD_NOT_ALLOWED => "This path does not take this method.",
            _ => "The request was refused.",
        };
        let title = status.canonical_reason().unwrap_or("Error");
        Self::new(status, "http", title, detail)
    }

    /// Which kind of problem: the last part of its `type`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// An answer with this document that keeps the `Allow` header of the bare answer it replaces.
    pub(crate) fn replacing<B>(&self, bare: &HttpResponse<B>) -> HttpResponse {
        let mut response = self.error_response();
        if let Some(allow) = bare.headers().get(ALLOW) {
            response.headers_mut().insert(ALLOW, allow.clone());
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}",
            self.status.as_u16(),
            self.title,
            self.detail
        )
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        response.content_type(PROBLEM_JSON).json(Document {
            r#type: format!("/problems/{}", self.kind),
            title: &self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
        })
    }
}
