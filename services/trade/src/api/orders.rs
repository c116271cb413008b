//! Orders that were placed.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{delete, get};
use exchange_platform::{Caller, Problem, rfc3339};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::idempotency_key::IdempotencyKey;
use super::refused::{no_order, refused};
use crate::domain::order::status;
use crate::store::idempotency::Idempotency;
use crate::store::orders::Order;
use crate::store::{Store, Written};

#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
#[serde(rename_all = "camelCase")]
pub struct OrderDocument {
    id: Uuid,
    market: String,
    side: String,
    r#type: String,
    /// Of a limit order
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Decimal>,
    quantity: Decimal,
    filled: Decimal,
    cancelled: Decimal,
    /// `open`, `partially_filled`, `filled` or `cancelled`
    status: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
}

#[derive(Serialize, ToSchema)]
pub struct Orders {
    orders: Vec<OrderDocument>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Only orders older than this one
    before: Option<Uuid>,
    /// At most so many; 50 when absent, 200 at most
    limit: Option<u32>,
}

/// The caller's orders, newest first
#[utoipa::path(params(Page), responses((status = 200, body = Orders)), security(("token" = [])))]
#[get("/v1/orders")]
pub async fn list(
    store: Data<Store>,
    caller: Caller,
    page: Query<Page>,
) -> Result<Json<Orders>, Problem> {
    let limit = i64::from(page.limit.unwrap_or(50).clamp(1, 200));
    let orders = store.orders(caller.user, page.before, limit).await?;
    Ok(Json(Orders {
        orders: orders.into_iter().map(document).collect(),
    }))
}

/// One of the caller's orders
#[utoipa::path(
    params(("id" = Uuid, Path)),
    responses((status = 200, body = OrderDocument)),
    security(("token" = []))
)]
#[get("/v1/orders/{id}")]
pub async fn show(
    store: Data<Store>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<Json<OrderDocument>, Problem> {
    let order = store.order(caller.user, *id).await?;
    Ok(Json(document(order.ok_or_else(no_order)?)))
}

/// Cancel what is left of an order
///
/// What it reserved is available again; its fills stay.
#[utoipa::path(
    params(("id" = Uuid, Path), IdempotencyKey),
    responses((status = 200, body = OrderDocument)),
    security(("token" = []))
)]
#[delete("/v1/orders/{id}")]
pub async fn cancel(
    store: Data<Store>,
    caller: Caller,
    id: Path<Uuid>,
    key: IdempotencyKey,
) -> Result<Json<OrderDocument>, Problem> {
    let key = Idempotency::new(caller.user, key.0, &format!("cancel {id}"));
    let (Written::Now(order) | Written::Earlier(order)) =
        store.cancel(&key, *id).await.map_err(refused)?;
    Ok(Json(document(order)))
}

/// An order as its user sees it.
pub fn document(order: Order) -> OrderDocument {
    OrderDocument {
        id: order.id,
        market: order.market,
        side: order.side,
        price: (order.kind == "limit").then_some(order.price),
        r#type: order.kind,
        quantity: order.quantity,
        filled: order.filled,
        cancelled: order.cancelled,
        status: status(order.quantity, order.filled, order.cancelled),
        created_at: rfc3339(order.created_micros),
    }
}
