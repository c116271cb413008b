//! Orders.

use std::str::FromStr;

use rust_decimal::Decimal;
use thiserror::Error;
use uuid::Uuid;

use super::money::{HIGHEST_PRICE, LOWEST_PRICE, Market, MoneyError, price, quantity, total};

/// Which side of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Buy,
    Sell,
}

/// At which prices an order may trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// At this price or a better one; what is left rests in the book.
    Limit(Decimal),
    /// At any price; what is left is cancelled.
    Market,
}

/// An order before it is accepted.
#[derive(Clone, Debug)]
pub struct NewOrder {
    pub id: Uuid,
    pub user: Uuid,
    pub market: Market,
    pub side: Side,
    pub terms: Terms,
    pub quantity: Decimal,
}

/// An order as a trader writes it.
pub struct OrderText<'a> {
    pub market: &'a str,
    pub side: &'a str,
    /// `limit` when absent.
    pub kind: Option<&'a str>,
    pub price: Option<&'a str>,
    pub quantity: &'a str,
}

/// What is wrong with an order.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum OrderError {
    #[error("side must be buy or sell")]
    Side,
    #[error("type must be limit or market")]
    Kind,
    #[error("a limit order needs a price")]
    NoPrice,
    #[error("a market order takes no price")]
    Price,
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

impl Terms {
    /// The order's `type`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Limit(_) => "limit",
            Self::Market => "market",
        }
    }

    /// The worst price that an order on this side may trade at.
    pub fn bound(self, side: Side) -> Decimal {
        match (self, side) {
            (Self::Limit(limit), _) => limit,
            (Self::Market, Side::Buy) => HIGHEST_PRICE,
            (Self::Market, Side::Sell) => LOWEST_PRICE,
        }
    }

    /// Whether an order on this side may trade at a price.
    pub fn accept(self, side: Side, price: Decimal) -> bool {
        match side {
            Side::Buy => price <= self.bound(side),
            Side::Sell => price >= self.bound(side),
        }
    }
}

impl NewOrder {
    /// Reads an order from what a trader sent.
    pub fn parse(user: Uuid, text: &OrderText<'_>) -> Result<Self, OrderError> {
        let quantity = quantity(text.quantity)?;
        let terms = match (text.kind.unwrap_or("limit"), text.price) {
            ("limit", Some(limit)) => Terms::Limit(price(limit)?),
            ("limit", None) => return Err(OrderError::NoPrice),
            ("market", None) => Terms::Market,
            ("market", Some(_)) => return Err(OrderError::Price),
            _ => return Err(OrderError::Kind),
        };
        if let Terms::Limit(limit) = terms {
            total(limit, quantity)?;
        }
        Ok(Self {
            id: Uuid::now_v7(),
            user,
            market: text.market.parse()?,
            side: text.side.parse()?,
            terms,
            quantity,
        })
    }

    /// The order's content in one form, to tell a repeated request from another one. A limit order is
    /// written as the version before wrote it: a request may be repeated at the other colour.
    pub fn canonical(&self) -> String {
        let (side, quantity) = (self.side.as_str(), self.quantity.normalize());
        match self.terms {
            Terms::Limit(limit) => {
                let price = limit.normalize();
                format!("order {} {side} {price} {quantity}", self.market)
            }
            Terms::Market => format!("market order {} {side} {quantity}", self.market),
        }
    }
}

/// How far an order is, as clients see it. `quantity` is what was ordered.
pub fn status(quantity: Decimal, filled: Decimal, cancelled: Decimal) -> &'static str {
    if filled >= quantity {
        "filled"
    } else if !cancelled.is_zero() {
        "cancelled"
    } else if filled.is_zero() {
        "open"
    } else {
        "partially_filled"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: Option<&str>, price: Option<&str>) -> Result<NewOrder, OrderError> {
        let text = OrderText {
            market: "BTC-EUR",
            side: "buy",
            kind,
            price,
            quantity: "1.50",
        };
        NewOrder::parse(Uuid::nil(), &text)
    }

    #[test]
    fn limit_orders_need_a_price_and_market_orders_take_none() {
        let ten = Terms::Limit(10.into());
        assert_eq!(parse(None, Some("10")).unwrap().terms, ten);
        assert_eq!(parse(Some("limit"), Some("10")).unwrap().terms, ten);
        assert_eq!(parse(Some("market"), None).unwrap().terms, Terms::Market);
        assert_eq!(parse(None, None).unwrap_err(), OrderError::NoPrice);
        let priced = parse(Some("market"), Some("1")).unwrap_err();
        assert_eq!(priced, OrderError::Price);
        let unknown = parse(Some("stop"), Some("1")).unwrap_err();
        assert_eq!(unknown, OrderError::Kind);
    }

    #[test]
    fn a_limit_order_reads_as_in_the_version_before() {
        let order = parse(None, Some("10.00")).unwrap();
        assert_eq!(order.canonical(), "order BTC-EUR buy 10 1.5");
    }

    #[test]
    fn status_follows_what_is_filled_and_cancelled() {
        let cases = [
            ((5, 0, 0), "open"),
            ((5, 2, 0), "partially_filled"),
            ((5, 5, 0), "filled"),
            ((5, 2, 3), "cancelled"),
            ((5, 0, 5), "cancelled"),
        ];
        for ((quantity, filled, cancelled), expected) in cases {
            let is = status(quantity.into(), filled.into(), cancelled.into());
            assert_eq!(is, expected);
        }
    }
}
