//! The order book.

use actix_web::web::{Data, Json, Path};
use exchange_platform::{Caller, Platform, Problem};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::domain::money::Market;
use crate::domain::order::Side;
use crate::store::Store;
use crate::store::orders::Level;

#[derive(Serialize)]
pub struct Book {
    market: String,
    bids: Vec<LevelDocument>,
    asks: Vec<LevelDocument>,
    /// Best ask less best bid; only in versions with the feature, and only with both sides.
    #[serde(skip_serializing_if = "Option::is_none")]
    spread: Option<Option<Decimal>>,
}

#[derive(Serialize)]
struct LevelDocument {
    price: Decimal,
    quantity: Decimal,
}

/// `GET /v1/markets/{market}/book`
pub async fn show(
    platform: Data<Platform>,
    store: Data<Store>,
    _: Caller,
    market: Path<String>,
) -> Result<Json<Book>, Problem> {
    let market: Market = market
        .parse()
        .map_err(|error: crate::domain::money::MoneyError| Problem::not_found(error.to_string()))?;
    let bids = store.levels(market, Side::Buy).await?;
    let asks = store.levels(market, Side::Sell).await?;
    let spread = platform.identity().has("book-spread").then(|| {
        let (bid, ask) = (bids.first()?, asks.first()?);
        ask.price
            .checked_sub(bid.price)
            .map(|spread| spread.normalize())
    });
    Ok(Json(Book {
        market: market.to_string(),
        bids: documents(bids),
        asks: documents(asks),
        spread,
    }))
}

fn documents(levels: Vec<Level>) -> Vec<LevelDocument> {
    let document = |level: Level| LevelDocument {
        price: level.price,
        quantity: level.quantity,
    };
    levels.into_iter().map(document).collect()
}
