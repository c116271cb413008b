//! `/healthz`, `/readyz` and `/metrics`, from the first moment on: a standby serves them too.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::context::Context;

/// From a connection that could not be taken to the next try.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, ctx: Arc<Context>) -> Infallible {
    loop {
        let (stream, _) = next(async || listener.accept().await).await;
        let ctx = ctx.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(&request, &ctx);
                async move { Ok::<_, Infallible>(answer) }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

/// The next connection. That one cannot be taken, with too many files open for a moment, is no reason to end.
async fn next<C>(mut accept: impl AsyncFnMut() -> std::io::Result<C>) -> C {
    loop {
        match accept().await {
            Ok(connection) => return connection,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be taken; tried again in {PAUSE:?}");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn answer(request: &Request<Incoming>, ctx: &Context) -> Response<Full<Bytes>> {
    let (status, kind, body) = match request.uri().path() {
        "/healthz" | "/readyz" => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
        "/metrics" => (
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ctx.metrics.text(&ctx.memory),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            "text/plain",
            "try /healthz, /readyz or /metrics\n".to_owned(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use std::io::Error;
    use std::time::Instant;

    use super::{PAUSE, next};

    #[tokio::test]
    async fn a_connection_that_cannot_be_taken_ends_nothing() {
        let began = Instant::now();
        let mut failures = 2;
        let taken = next(async || {
            if failures == 0 {
                return Ok("connection");
            }
            failures -= 1;
            Err(Error::other("too many open files"))
        });
        assert_eq!(taken.await, "connection");
        assert!(began.elapsed() >= 2 * PAUSE, "it does not spin");
    }
}
