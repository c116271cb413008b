//! What an order and its fills do to balances.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::matching::Fill;
use super::money::{Asset, MoneyError, add, total};
use super::order::{NewOrder, Side};

/// How one balance changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub available: Decimal,
    pub reserved: Decimal,
}

/// Changes of balances by user and asset: the order in which their rows are locked.
pub type Changes = BTreeMap<(Uuid, Asset), Change>;

/// What an order reserves before it is matched: the asset, and how much of it.
pub fn reservation(order: &NewOrder) -> Result<(Asset, Decimal), MoneyError> {
    Ok(match order.side {
        Side::Buy => (order.market.quote, total(order.price, order.quantity)?),
        Side::Sell => (order.market.base, order.quantity),
    })
}

/// The changes that an order and its fills make together. Every asset sums to zero over all of them.
pub fn settle(order: &NewOrder, fills: &[Fill]) -> Result<Changes, MoneyError> {
    let mut changes = Changes::new();
    let (asset, amount) = reservation(order)?;
    change(&mut changes, order.user, asset, -amount, amount)?;
    for fill in fills {
        let (buyer, seller) = match order.side {
            Side::Buy => (order.user, fill.maker),
            Side::Sell => (fill.maker, order.user),
        };
        let paid = total(fill.price, fill.quantity)?;
        // A buyer reserved at the own limit; what the better price saves is free again. For a
        // maker who buys, the limit is the fill's price.
        let held = match order.side {
            Side::Buy => total(order.price, fill.quantity)?,
            Side::Sell => paid,
        };
        let (base, quote) = (order.market.base, order.market.quote);
        change(&mut changes, buyer, quote, held - paid, -held)?;
        change(&mut changes, buyer, base, fill.quantity, Decimal::ZERO)?;
        change(&mut changes, seller, base, Decimal::ZERO, -fill.quantity)?;
        change(&mut changes, seller, quote, paid, Decimal::ZERO)?;
    }
    Ok(changes)
}

fn change(
    changes: &mut Changes,
    user: Uuid,
    asset: Asset,
    available: Decimal,
    reserved: Decimal,
) -> Result<(), MoneyError> {
    let change = changes.entry((user, asset)).or_default();
    change.available = add(change.available, available)?;
    change.reserved = add(change.reserved, reserved)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::matching::{Resting, match_order};
    use super::*;

    /// A small generator with a seed, so that a failure can be repeated.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (self.0 >> 33) % bound
        }
    }

    /// The book of one market and everyone's balances, kept in memory.
    #[derive(Default)]
    struct Exchange {
        book: Vec<(Side, Resting)>,
        balances: BTreeMap<(Uuid, Asset), Change>,
    }

    impl Exchange {
        fn place(&mut self, order: &NewOrder) {
            let (asset, amount) = reservation(order).unwrap();
            if self.balances[&(order.user, asset)].available < amount {
                return;
            }
            let opposite = order.side.opposite();
            let mut others: Vec<Resting> = self
                .book
                .iter()
                .filter(|(s, _)| *s == opposite)
                .map(|(_, r)| r.clone())
                .collect();
            others.sort_by(|a, b| match order.side {
                Side::Buy => a.price.cmp(&b.price),
                Side::Sell => b.price.cmp(&a.price),
            });
            let fills = match_order(order, &others);
            for (key, change) in settle(order, &fills).unwrap() {
                let balance = self.balances.get_mut(&key).unwrap();
                balance.available += change.available;
                balance.reserved += change.reserved;
            }
            for fill in &fills {
                let (_, maker) = self
                    .book
                    .iter_mut()
                    .find(|(_, r)| r.id == fill.maker_order)
                    .unwrap();
                maker.remaining -= fill.quantity;
            }
            self.book.retain(|(_, r)| !r.remaining.is_zero());
            let filled: Decimal = fills.iter().map(|f| f.quantity).sum();
            if filled < order.quantity {
                let remaining = order.quantity - filled;
                self.book.push((
                    order.side,
                    Resting {
                        id: order.id,
                        user: order.user,
                        price: order.price,
                        remaining,
                    },
                ));
            }
        }

        fn reserved_by_book(&self, user: Uuid, asset: Asset) -> Decimal {
            let of_user = self.book.iter().filter(|(_, r)| r.user == user);
            of_user
                .map(|(side, r)| match (side, asset) {
                    (Side::Buy, Asset::Eur) => r.price * r.remaining,
                    (Side::Sell, Asset::Btc) => r.remaining,
                    _ => Decimal::ZERO,
                })
                .sum()
        }
    }

    #[test]
    fn random_order_flows_neither_make_nor_lose_money() {
        for seed in 0..50 {
            let mut random = Random(seed);
            let users: Vec<Uuid> = (0..4).map(|_| Uuid::new_v4()).collect();
            let mut exchange = Exchange::default();
            for user in &users {
                for asset in [Asset::Btc, Asset::Eur] {
                    let start = Change {
                        available: 1000.into(),
                        reserved: Decimal::ZERO,
                    };
                    exchange.balances.insert((*user, asset), start);
                }
            }
            for _ in 0..200 {
                let user = users[random.below(4) as usize];
                let side = ["buy", "sell"][random.below(2) as usize];
                let price = Decimal::new(90_000 + random.below(20_000) as i64, 4).to_string();
                let quantity = Decimal::new(1 + random.below(500_000_000) as i64, 8).to_string();
                let order = NewOrder::parse(user, "BTC-EUR", side, &price, &quantity).unwrap();
                exchange.place(&order);
            }
            for asset in [Asset::Btc, Asset::Eur] {
                let of_asset = exchange.balances.iter().filter(|((_, a), _)| *a == asset);
                let sum: Decimal = of_asset.map(|(_, b)| b.available + b.reserved).sum();
                assert_eq!(sum, Decimal::from(4000), "seed {seed}");
            }
            for ((user, asset), balance) in &exchange.balances {
                assert!(balance.available >= Decimal::ZERO, "seed {seed}");
                let expected = exchange.reserved_by_book(*user, *asset);
                assert_eq!(balance.reserved, expected, "seed {seed}");
            }
        }
    }

    #[test]
    fn a_better_price_frees_what_it_saves() {
        let (buyer, seller) = (Uuid::new_v4(), Uuid::new_v4());
        let order = NewOrder::parse(buyer, "BTC-EUR", "buy", "110", "1").unwrap();
        let resting = Resting {
            id: Uuid::new_v4(),
            user: seller,
            price: 100.into(),
            remaining: 1.into(),
        };
        let changes = settle(&order, &match_order(&order, &[resting])).unwrap();
        let eur = changes[&(buyer, Asset::Eur)];
        assert_eq!((eur.available, eur.reserved), ((-100).into(), 0.into()));
        assert_eq!(changes[&(seller, Asset::Eur)].available, 100.into());
    }
}
