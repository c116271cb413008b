//! Markets: the order book, and what was traded.

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use exchange_platform::{Caller, Platform, Problem, rfc3339};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fills::Page;
use crate::domain::money::{Market, MoneyError};
use crate::domain::order::Side;
use crate::store::Store;
use crate::store::fills::MarketFill;
use crate::store::orders::Level;

#[derive(Serialize, ToSchema)]
pub struct Book {
    market: String,
    bids: Vec<LevelDocument>,
    asks: Vec<LevelDocument>,
    /// Best ask less best bid; only in versions with the feature, and only with both sides.
    #[serde(skip_serializing_if = "Option::is_none")]
    spread: Option<Option<Decimal>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Level)]
struct LevelDocument {
    price: Decimal,
    quantity: Decimal,
}

#[derive(Serialize, ToSchema)]
pub struct Trades {
    trades: Vec<TradeDocument>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Trade)]
#[serde(rename_all = "camelCase")]
struct TradeDocument {
    id: Uuid,
    /// Of the order that came second
    side: String,
    price: Decimal,
    quantity: Decimal,
    #[schema(format = DateTime)]
    created_at: String,
}

/// The order book of a market, best prices first
#[utoipa::path(
    params(("market" = String, Path, example = "BTC-EUR")),
    responses((status = 200, body = Book)),
    security(("token" = []))
)]
#[get("/v1/markets/{market}/book")]
pub async fn book(
    platform: Data<Platform>,
    store: Data<Store>,
    _: Caller,
    market: Path<String>,
) -> Result<Json<Book>, Problem> {
    let market = parse(&market)?;
    let bids = store.levels(market, Side::Buy).await?;
    let asks = store.levels(market, Side::Sell).await?;
    let spread = platform.identity().has("book-spread").then(|| {
        let (bid, ask) = (bids.first()?, asks.first()?);
        let spread = ask.price.checked_sub(bid.price)?;
        Some(spread.normalize())
    });
    Ok(Json(Book {
        market: market.to_string(),
        bids: levels(bids),
        asks: levels(asks),
        spread,
    }))
}

/// What was traded in a market, newest first
#[utoipa::path(
    params(("market" = String, Path, example = "BTC-EUR"), Page),
    responses((status = 200, body = Trades)),
    security(("token" = []))
)]
#[get("/v1/markets/{market}/trades")]
pub async fn trades(
    store: Data<Store>,
    _: Caller,
    market: Path<String>,
    page: Query<Page>,
) -> Result<Json<Trades>, Problem> {
    let (before, limit) = page.bounds();
    let fills = store.market_fills(parse(&market)?, before, limit).await?;
    let trade = |fill: MarketFill| TradeDocument {
        id: fill.id,
        side: fill.side,
        price: fill.price,
        quantity: fill.quantity,
        created_at: rfc3339(fill.created_micros),
    };
    Ok(Json(Trades {
        trades: fills.into_iter().map(trade).collect(),
    }))
}

fn parse(market: &str) -> Result<Market, Problem> {
    let unknown = |error: MoneyError| Problem::not_found(error.to_string());
    market.parse().map_err(unknown)
}

fn levels(levels: Vec<Level>) -> Vec<LevelDocument> {
    let document = |level: Level| LevelDocument {
        price: level.price,
        quantity: level.quantity,
    };
    levels.into_iter().map(document).collect()
}
