//! Orders.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, Query};
use exchange_platform::{Caller, Hops, Problem};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::idempotency_key::IdempotencyKey;
use super::refused;
use crate::domain::order::{NewOrder, status};
use crate::state::Users;
use crate::store::idempotency::Idempotency;
use crate::store::orders::Order;
use crate::store::{Store, Written};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    market: String,
    side: String,
    price: String,
    quantity: String,
}

#[derive(Serialize)]
pub struct OrderDocument {
    id: Uuid,
    market: String,
    side: String,
    price: Decimal,
    quantity: Decimal,
    filled: Decimal,
    status: &'static str,
}

#[derive(Serialize)]
pub struct Orders {
    orders: Vec<OrderDocument>,
}

#[derive(Deserialize)]
pub struct Page {
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    user_id: Uuid,
    standing: String,
}

/// `POST /v1/orders`
pub async fn place(
    store: Data<Store>,
    users: Data<Users>,
    hops: Hops,
    caller: Caller,
    key: IdempotencyKey,
    body: Json<OrderRequest>,
) -> Result<HttpResponse, Problem> {
    let OrderRequest {
        market,
        side,
        price,
        quantity,
    } = body.into_inner();
    let order = NewOrder::parse(caller.user, &market, &side, &price, &quantity);
    let order = order.map_err(|error| Problem::unprocessable("order", error.to_string()))?;
    require_good_standing(&users, &caller, &hops).await?;
    let key = Idempotency::new(caller.user, key.0, &order.canonical());
    Ok(match store.place(&key, &order).await.map_err(refused)? {
        Written::Now(order) => HttpResponse::Created().json(document(order)),
        Written::Earlier(order) => HttpResponse::Ok().json(document(order)),
    })
}

/// `GET /v1/orders/{id}`
pub async fn show(
    store: Data<Store>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<Json<OrderDocument>, Problem> {
    let order = store.order(caller.user, *id).await?;
    let missing = || Problem::not_found("You have no order with this id.");
    Ok(Json(document(order.ok_or_else(missing)?)))
}

/// `GET /v1/orders`
pub async fn list(
    store: Data<Store>,
    caller: Caller,
    page: Query<Page>,
) -> Result<Json<Orders>, Problem> {
    let limit = page.limit.unwrap_or(50).clamp(1, 200);
    let orders = store.orders(caller.user, i64::from(limit)).await?;
    Ok(Json(Orders {
        orders: orders.into_iter().map(document).collect(),
    }))
}

/// Asks user on every order: an account that was restricted a moment ago must not trade.
async fn require_good_standing(users: &Users, caller: &Caller, hops: &Hops) -> Result<(), Problem> {
    let answer: Standing = users
        .0
        .get("/v1/standing", Some(&caller.token), hops)
        .await?;
    if answer.user_id == caller.user && answer.standing == "good" {
        return Ok(());
    }
    let detail = "This account may not trade. Ask the exchange why.";
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "standing",
        "Not in good standing",
        detail,
    ))
}

fn document(order: Order) -> OrderDocument {
    OrderDocument {
        id: order.id,
        market: order.market,
        side: order.side,
        price: order.price,
        quantity: order.quantity,
        filled: order.filled,
        status: status(order.filled, order.quantity),
    }
}
