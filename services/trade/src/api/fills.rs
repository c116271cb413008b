//! The caller's fills.

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use exchange_platform::{Caller, Problem, rfc3339};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::store::Store;
use crate::store::fills::OwnFill;

/// A page of fills; newest first.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Only fills older than this one
    before: Option<Uuid>,
    /// At most so many; 50 when absent, 200 at most
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub struct Fills {
    fills: Vec<FillDocument>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Fill)]
#[serde(rename_all = "camelCase")]
struct FillDocument {
    id: Uuid,
    order_id: Uuid,
    market: String,
    side: String,
    /// `maker` when the order rested in the book, `taker` when it came second
    role: String,
    price: Decimal,
    quantity: Decimal,
    #[schema(format = DateTime)]
    created_at: String,
}

impl Page {
    /// Where the page begins, and how many it holds.
    pub fn bounds(&self) -> (Uuid, i64) {
        let before = self.before.unwrap_or(Uuid::max());
        (before, i64::from(self.limit.unwrap_or(50).clamp(1, 200)))
    }
}

/// The fills of the caller's orders, newest first
#[utoipa::path(params(Page), responses((status = 200, body = Fills)), security(("token" = [])))]
#[get("/v1/fills")]
pub async fn list(
    store: Data<Store>,
    caller: Caller,
    page: Query<Page>,
) -> Result<Json<Fills>, Problem> {
    let (before, limit) = page.bounds();
    let fills = store.fills(caller.user, before, limit).await?;
    Ok(Json(Fills {
        fills: fills.into_iter().map(document).collect(),
    }))
}

fn document(fill: OwnFill) -> FillDocument {
    FillDocument {
        id: fill.id,
        order_id: fill.order_id,
        market: fill.market,
        side: fill.side,
        role: fill.role,
        price: fill.price,
        quantity: fill.quantity,
        created_at: rfc3339(fill.created_micros),
    }
}
