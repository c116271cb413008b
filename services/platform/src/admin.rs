//! The admin port: probes, metrics, the drain lease and the role. Clients do not reach it.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Json, Query, ServiceConfig, delete, get, put, resource};
use serde::{Deserialize, Serialize};

use crate::colour_role::ColourRole;
use crate::drain::parse_duration;
use crate::input::limits;
use crate::platform::Lifecycle;
use crate::problem::Problem;

/// Routes of the admin port.
pub(crate) fn routes(config: &mut ServiceConfig, lifecycle: Arc<Lifecycle>) {
    config
        .configure(limits)
        .app_data(Data::from(lifecycle))
        .route("/livez", get().to(livez))
        .route("/readyz", get().to(readyz))
        .route("/metrics", get().to(metrics))
        .service(
            resource("/role")
                .route(get().to(role))
                .route(put().to(tell_role)),
        )
        .service(
            resource("/drain")
                .route(get().to(drain_state))
                .route(put().to(take_drain))
                .route(delete().to(release_drain)),
        );
}

async fn livez() -> &'static str {
    "ok"
}

async fn readyz(lifecycle: Data<Lifecycle>) -> Result<&'static str, Problem> {
    match lifecycle.readiness.reason() {
        None => Ok("ok"),
        Some(reason) => Err(Problem::unavailable("not-ready", reason)),
    }
}

async fn metrics(lifecycle: Data<Lifecycle>) -> Result<HttpResponse, Problem> {
    let text = lifecycle.metrics.text().map_err(|_| Problem::internal())?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .body(text))
}

async fn role(lifecycle: Data<Lifecycle>) -> Json<ColourRole> {
    Json(lifecycle.roles.latest())
}

async fn tell_role(
    lifecycle: Data<Lifecycle>,
    role: Json<ColourRole>,
) -> Result<Json<ColourRole>, Problem> {
    Ok(Json(lifecycle.roles.tell(*role).await?))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DrainState {
    in_flight: i64,
    open_connections: i64,
    last_accepted_seconds_ago: Option<u64>,
}

#[derive(Deserialize)]
struct DrainRequest {
    epoch: u64,
    ttl: String,
}

async fn drain_state(lifecycle: Data<Lifecycle>) -> Json<DrainState> {
    let traffic = &lifecycle.traffic;
    Json(DrainState {
        in_flight: traffic.client_in_flight(),
        open_connections: traffic.client_connections(),
        last_accepted_seconds_ago: traffic.last_accepted_ago().map(|ago| ago.as_secs()),
    })
}

async fn take_drain(
    lifecycle: Data<Lifecycle>,
    request: Json<DrainRequest>,
) -> Result<Json<DrainState>, Problem> {
    let Some(ttl) = parse_duration(&request.ttl) else {
        return Err(Problem::unprocessable(
            "ttl",
            "Write the ttl as a duration, such as 15s.",
        ));
    };
    lifecycle.take_drain(request.epoch, ttl)?;
    Ok(drain_state(lifecycle).await)
}

#[derive(Deserialize)]
struct DrainRelease {
    /// Of the switch that sends clients back here. Without one, of no switch: a person's.
    epoch: Option<u64>,
}

async fn release_drain(
    lifecycle: Data<Lifecycle>,
    request: Query<DrainRelease>,
) -> Result<Json<DrainState>, Problem> {
    lifecycle.drain.release(request.epoch)?;
    Ok(drain_state(lifecycle).await)
}
