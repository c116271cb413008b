//! Matching: which resting orders an incoming order meets, at what price, for how much.

use rust_decimal::Decimal;
use uuid::Uuid;

use super::order::{NewOrder, Side};

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

/// Matches an order against resting orders of the other side, which come best price first and, at one
/// price, oldest first. Stops when the order is filled or prices no longer cross.
pub fn match_order(order: &NewOrder, book: &[Resting]) -> Vec<Fill> {
    let mut wanted = order.quantity;
    let mut fills = Vec::new();
    for resting in book {
        if wanted.is_zero() || !crosses(order, resting.price) {
            break;
        }
        let quantity = wanted.min(resting.remaining);
        wanted -= quantity;
        fills.push(Fill {
            id: Uuid::now_v7(),
            maker_order: resting.id,
            maker: resting.user,
            price: resting.price,
            quantity,
        });
    }
    fills
}

fn crosses(order: &NewOrder, resting: Decimal) -> bool {
    match order.side {
        Side::Buy => resting <= order.price,
        Side::Sell => resting >= order.price,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(side: &str, price: &str, quantity: &str) -> NewOrder {
        NewOrder::parse(Uuid::new_v4(), "BTC-EUR", side, price, quantity).unwrap()
    }

    fn resting(price: i64, remaining: i64) -> Resting {
        Resting {
            id: Uuid::new_v4(),
            user: Uuid::new_v4(),
            price: price.into(),
            remaining: remaining.into(),
        }
    }

    fn figures(fills: &[Fill]) -> Vec<(i64, i64)> {
        let figure = |d: Decimal| i64::try_from(d).unwrap();
        fills
            .iter()
            .map(|f| (figure(f.price), figure(f.quantity)))
            .collect()
    }

    #[test]
    fn a_buy_meets_the_best_prices_first_at_the_makers_price() {
        let book = [resting(10, 1), resting(11, 5), resting(12, 5)];
        let fills = match_order(&order("buy", "11", "4"), &book);
        assert_eq!(figures(&fills), [(10, 1), (11, 3)]);
        assert_eq!(fills[0].maker_order, book[0].id);
    }

    #[test]
    fn a_sell_stops_where_prices_no_longer_cross() {
        let book = [resting(12, 1), resting(11, 1), resting(9, 9)];
        assert_eq!(
            figures(&match_order(&order("sell", "10", "5"), &book)),
            [(12, 1), (11, 1)]
        );
    }

    #[test]
    fn nothing_matches_an_empty_or_distant_book() {
        assert!(match_order(&order("buy", "1", "1"), &[]).is_empty());
        assert!(match_order(&order("buy", "9", "1"), &[resting(10, 1)]).is_empty());
    }

    #[test]
    fn at_one_price_the_oldest_goes_first() {
        let book = [resting(10, 2), resting(10, 2)];
        let fills = match_order(&order("buy", "10", "3"), &book);
        assert_eq!(fills[0].maker_order, book[0].id);
        assert_eq!(figures(&fills), [(10, 2), (10, 1)]);
    }
}
