//! Placing orders.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, post};
use exchange_platform::{Caller, Hops, Problem};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::idempotency_key::IdempotencyKey;
use super::orders::{OrderDocument, document};
use super::refused::refused;
use crate::domain::order::{NewOrder, OrderText};
use crate::state::Users;
use crate::store::idempotency::Idempotency;
use crate::store::{Store, Written};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    #[schema(example = "BTC-EUR")]
    market: String,
    /// `buy` or `sell`
    #[schema(example = "buy")]
    side: String,
    /// `limit` or `market`; `limit` when absent
    r#type: Option<String>,
    /// Of a limit order: above 0, with at most 4 decimals
    #[schema(example = "1.00")]
    price: Option<String>,
    /// Above 0, with at most 8 decimals
    #[schema(example = "0.01")]
    quantity: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    user_id: Uuid,
    standing: String,
}

/// Place an order
///
/// A limit order trades at its price or better, and what is left rests in the book. A market order trades
/// at any price, and what is left is cancelled. Nobody trades with themselves: an order that comes to one
/// of the same user is cancelled from there on.
#[utoipa::path(
    params(IdempotencyKey),
    request_body(
        content = OrderRequest,
        example = json!({ "market": "BTC-EUR", "side": "buy", "price": "1.00", "quantity": "0.01" })
    ),
    responses(
        (status = 201, body = OrderDocument),
        (status = 200, description = "Placed earlier, under the same key", body = OrderDocument)
    ),
    security(("token" = []))
)]
#[post("/v1/orders")]
pub async fn place(
    store: Data<Store>,
    users: Data<Users>,
    hops: Hops,
    caller: Caller,
    key: IdempotencyKey,
    body: Json<OrderRequest>,
) -> Result<HttpResponse, Problem> {
    let text = OrderText {
        market: &body.market,
        side: &body.side,
        kind: body.r#type.as_deref(),
        price: body.price.as_deref(),
        quantity: &body.quantity,
    };
    let order = NewOrder::parse(caller.user, &text);
    let order = order.map_err(|error| Problem::unprocessable("order", error.to_string()))?;
    if !order.market.is_for(caller.synthetic) {
        let detail =
            "Accounts of journeys trade in markets that begin with SYN-, all others in the rest.";
        return Err(Problem::forbidden("market", detail));
    }
    require_good_standing(&users, &caller, &hops).await?;
    let key = Idempotency::new(caller.user, key.0, &order.canonical());
    Ok(match store.place(&key, &order).await.map_err(refused)? {
        Written::Now(order) => HttpResponse::Created().json(document(order)),
        Written::Earlier(order) => HttpResponse::Ok().json(document(order)),
    })
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
