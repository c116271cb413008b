//! Orders.

use std::str::FromStr;

use rust_decimal::Decimal;
use thiserror::Error;
use uuid::Uuid;

use super::money::{Market, MoneyError, price, quantity, total};

/// Which side of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Buy,
    Sell,
}

/// A limit order before it is accepted.
#[derive(Clone, Debug)]
pub struct NewOrder {
    pub id: Uuid,
    pub user: Uuid,
    pub market: Market,
    pub side: Side,
    pub price: Decimal,
    pub quantity: Decimal,
}

/// What is wrong with an order.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum OrderError {
    #[error("side must be buy or sell")]
    Side,
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl Side {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }

    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

impl FromStr for Side {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        match text {
            "buy" => Ok(Self::Buy),
            "sell" => Ok(Self::Sell),
            _ => Err(OrderError::Side),
        }
    }
}

impl NewOrder {
    /// Reads an order from what a trader sent.
    pub fn parse(
        user: Uuid,
        market: &str,
        side: &str,
        price_text: &str,
        quantity_text: &str,
    ) -> Result<Self, OrderError> {
        let (price, quantity) = (price(price_text)?, quantity(quantity_text)?);
        total(price, quantity)?;
        Ok(Self {
            id: Uuid::now_v7(),
            user,
            market: market.parse()?,
            side: side.parse()?,
            price,
            quantity,
        })
    }

    /// The order's content in one form, to tell a repeated request from another one.
    pub fn canonical(&self) -> String {
        let (price, quantity) = (self.price.normalize(), self.quantity.normalize());
        format!(
            "order {} {} {price} {quantity}",
            self.market,
            self.side.as_str()
        )
    }
}

/// How far an order is, as clients see it.
pub fn status(filled: Decimal, quantity: Decimal) -> &'static str {
    if filled.is_zero() {
        "open"
    } else if filled < quantity {
        "partially_filled"
    } else {
        "filled"
    }
}
