//! Matching: which resting orders an incoming order meets, at what price, for how much.

use rust_decimal::Decimal;
use uuid::Uuid;

use super::order::{NewOrder, Terms};

/// An order in the book, and what is left of it.
#[derive(Clone, Debug)]
pub struct Resting {
    pub id: Uuid,
    pub user: Uuid,
    pub price: Decimal,
    pub remaining: Decimal,
}

/// A trade between the incoming order (the taker) and a resting one (the maker), at the maker's price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    pub id: Uuid,
    pub maker_order: Uuid,
    pub maker: Uuid,
    pub price: Decimal,
    pub quantity: Decimal,
}

/// What becomes of an incoming order: fills, and a rest that stays in the book or is cancelled.
#[derive(Clone, Debug, Default)]
pub struct Matched {
    pub fills: Vec<Fill>,
    pub cancelled: Decimal,
}

impl Matched {
    pub fn filled(&self) -> Decimal {
        self.fills.iter().map(|fill| fill.quantity).sum()
    }
}

/// Matches an order against resting orders of the other side, which come best price first and, at one
/// price, oldest first. Stops when the order is filled or prices no longer cross.
///
/// Nobody trades with themselves (self-trade prevention, "cancel newest"): an order that comes to one of
/// the same user keeps the fills it has, and its rest is cancelled. The older order keeps its place.
pub fn match_order(order: &NewOrder, book: &[Resting]) -> Matched {
    let mut wanted = order.quantity;
    let mut matched = Matched::default();
    let crossing = book
        .iter()
        .take_while(|resting| order.terms.accept(order.side, resting.price));
    for resting in crossing {
        if wanted.is_zero() {
            break;
        }
        if resting.user == order.user {
            matched.cancelled = wanted;
            return matched;
        }
        let quantity = wanted.min(resting.remaining);
        wanted -= quantity;
        matched.fills.push(Fill {
            id: Uuid::now_v7(),
            maker_order: resting.id,
            maker: resting.user,
            price: resting.price,
            quantity,
        });
    }
    if order.terms == Terms::Market {
        matched.cancelled = wanted;
    }
    matched
}

#[cfg(test)]
mod tests {
    use super::super::order::OrderText;
    use super::*;

    fn order(side: &str, price: Option<&str>, quantity: &str) -> NewOrder {
        let text = OrderText {
            market: "BTC-EUR",
            side,
            kind: price.is_none().then_some("market"),
            price,
            quantity,
        };
        NewOrder::parse(Uuid::new_v4(), &text).unwrap()
    }

    fn resting(price: i64, remaining: i64) -> Resting {
        Resting {
            id: Uuid::new_v4(),
            user: Uuid::new_v4(),
            price: price.into(),
            remaining: remaining.into(),
        }
    }

    fn figures(matched: &Matched) -> Vec<(i64, i64)> {
        let figure = |d: Decimal| i64::try_from(d).unwrap();
        let fills = matched.fills.iter();
        fills
            .map(|f| (figure(f.price), figure(f.quantity)))
            .collect()
    }

    #[test]
    fn a_buy_meets_the_best_prices_first_at_the_makers_price() {
        let book = [resting(10, 1), resting(11, 5), resting(12, 5)];
        let matched = match_order(&order("buy", Some("11"), "4"), &book);
        assert_eq!(figures(&matched), [(10, 1), (11, 3)]);
        assert_eq!(matched.fills[0].maker_order, book[0].id);
    }

    #[test]
    fn a_sell_stops_where_prices_no_longer_cross() {
        let book = [resting(12, 1), resting(11, 1), resting(9, 9)];
        let matched = match_order(&order("sell", Some("10"), "5"), &book);
        assert_eq!(figures(&matched), [(12, 1), (11, 1)]);
        assert_eq!(matched.cancelled, Decimal::ZERO, "the rest stays");
    }

    #[test]
    fn nothing_matches_an_empty_or_distant_book() {
        assert!(figures(&match_order(&order("buy", Some("1"), "1"), &[])).is_empty());
        let distant = match_order(&order("buy", Some("9"), "1"), &[resting(10, 1)]);
        assert!(distant.fills.is_empty());
    }

    #[test]
    fn at_one_price_the_oldest_goes_first() {
        let book = [resting(10, 2), resting(10, 2)];
        let matched = match_order(&order("buy", Some("10"), "3"), &book);
        assert_eq!(matched.fills[0].maker_order, book[0].id);
        assert_eq!(figures(&matched), [(10, 2), (10, 1)]);
    }

    #[test]
    fn a_market_order_takes_any_price_and_never_rests() {
        let book = [resting(10, 2), resting(90, 2)];
        let matched = match_order(&order("buy", None, "5"), &book);
        assert_eq!(figures(&matched), [(10, 2), (90, 2)]);
        assert_eq!(matched.cancelled, Decimal::ONE);
    }

    #[test]
    fn an_order_that_comes_to_its_own_user_is_cancelled_from_there_on() {
        for price in [Some("12"), None] {
            let order = order("buy", price, "5");
            let mut book = [resting(10, 2), resting(11, 2), resting(12, 9)];
            book[1].user = order.user;
            let matched = match_order(&order, &book);
            assert_eq!(figures(&matched), [(10, 2)]);
            assert_eq!(matched.cancelled, Decimal::from(3));
        }
    }

    #[test]
    fn an_own_order_behind_the_last_fill_is_in_nobodys_way() {
        let order = order("buy", Some("12"), "2");
        let mut book = [resting(10, 2), resting(11, 2)];
        book[1].user = order.user;
        let matched = match_order(&order, &book);
        assert_eq!(figures(&matched), [(10, 2)]);
        assert_eq!(matched.cancelled, Decimal::ZERO);
    }
}
