//! Whatever is ordered and cancelled, nothing is made or lost, and what is reserved is what the book needs.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::matching::{Resting, match_order};
use super::super::order::OrderText;
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Order {
        user: usize,
        side: Side,
        /// In 0.0001 EUR; a market order has none.
        price: Option<i64>,
        /// In 0.00000001 BTC.
        quantity: i64,
    },
    Cancel(Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let price = prop::option::weighted(0.8, 90_000..110_000_i64);
    let order =
        (0..4_usize, side, price, 1..500_000_000_i64).prop_map(|(user, side, price, quantity)| {
            Step::Order {
                user,
                side,
                price,
                quantity,
            }
        });
    let step = prop_oneof![4 => order, 1 => any::<Index>().prop_map(Step::Cancel)];
    prop::collection::vec(step, 1..150)
}

/// The book of one market and everyone's balances, kept in memory.
#[derive(Default)]
struct Exchange {
    book: Vec<(Side, Resting)>,
    balances: BTreeMap<(Uuid, Asset), Change>,
}

impl Exchange {
    fn with_funds(users: &[Uuid]) -> Self {
        let mut exchange = Self::default();
        let start = Change {
            available: 1000.into(),
            reserved: Decimal::ZERO,
        };
        for user in users {
            for asset in [Asset::Btc, Asset::Eur] {
                exchange.balances.insert((*user, asset), start);
            }
        }
        exchange
    }

    fn apply(&mut self, changes: Changes) {
        for (key, change) in changes {
            let balance = self.balances.get_mut(&key).unwrap();
            balance.available += change.available;
            balance.reserved += change.reserved;
        }
    }

    fn place(&mut self, order: &NewOrder) {
        let opposite = order.side.opposite();
        let mut others: Vec<Resting> = self
            .book
            .iter()
            .filter(|(side, _)| *side == opposite)
            .map(|(_, resting)| resting.clone())
            .collect();
        others.sort_by(|a, b| match order.side {
            Side::Buy => a.price.cmp(&b.price),
            Side::Sell => b.price.cmp(&a.price),
        });
        let matched = match_order(order, &others);
        let (asset, amount) = needed(order, &matched.fills).unwrap();
        if self.balances[&(order.user, asset)].available < amount {
            return;
        }
        assert!(matched.fills.iter().all(|fill| fill.maker != order.user));
        self.apply(settle(order, &matched).unwrap());
        for fill in &matched.fills {
            let makers = self.book.iter_mut().map(|(_, resting)| resting);
            let maker = makers.into_iter().find(|r| r.id == fill.maker_order);
            maker.unwrap().remaining -= fill.quantity;
        }
        self.book.retain(|(_, r)| !r.remaining.is_zero());
        let remaining = order.quantity - matched.filled() - matched.cancelled;
        if let Terms::Limit(price) = order.terms
            && !remaining.is_zero()
        {
            let resting = Resting {
                id: order.id,
                user: order.user,
                price,
                remaining,
            };
            self.book.push((order.side, resting));
        } else {
            assert!(remaining.is_zero(), "only limit orders rest");
        }
    }

    fn cancel(&mut self, which: Index, market: Market) {
        if self.book.is_empty() {
            return;
        }
        let (side, resting) = self.book.remove(which.index(self.book.len()));
        let mut changes = Changes::new();
        let held = cost(market, side, resting.price, resting.remaining).unwrap();
        release(&mut changes, resting.user, held).unwrap();
        self.apply(changes);
    }

    fn reserved_by_book(&self, user: Uuid, asset: Asset, market: Market) -> Decimal {
        let of_user = self.book.iter().filter(|(_, r)| r.user == user);
        let costs = of_user.map(|(side, r)| cost(market, *side, r.price, r.remaining).unwrap());
        costs
            .filter(|(of, _)| *of == asset)
            .map(|(_, held)| held)
            .sum()
    }
}

fn order(user: Uuid, side: Side, price: Option<&str>, quantity: &str) -> NewOrder {
    let text = OrderText {
        market: "BTC-EUR",
        side: side.as_str(),
        kind: price.is_none().then_some("market"),
        price,
        quantity,
    };
    NewOrder::parse(user, &text).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_order_flows_neither_make_nor_lose_money(steps in steps()) {
        let users: Vec<Uuid> = (1..=4).map(Uuid::from_u128).collect();
        let mut exchange = Exchange::with_funds(&users);
        let market: Market = "BTC-EUR".parse().unwrap();
        for step in steps {
            match step {
                Step::Order { user, side, price, quantity } => {
                    let price = price.map(|price| Decimal::new(price, 4).to_string());
                    let quantity = Decimal::new(quantity, 8).to_string();
                    exchange.place(&order(users[user], side, price.as_deref(), &quantity));
                }
                Step::Cancel(which) => exchange.cancel(which, market),
            }
            for asset in [Asset::Btc, Asset::Eur] {
                let of_asset = exchange.balances.iter().filter(|((_, a), _)| *a == asset);
                let sum: Decimal = of_asset.map(|(_, b)| b.available + b.reserved).sum();
                prop_assert_eq!(sum, Decimal::from(4000));
            }
            for ((user, asset), balance) in &exchange.balances {
                prop_assert!(balance.available >= Decimal::ZERO);
                prop_assert_eq!(balance.reserved, exchange.reserved_by_book(*user, *asset, market));
            }
        }
    }
}

#[test]
fn a_better_price_frees_what_it_saves() {
    let (buyer, seller) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let order = order(buyer, Side::Buy, Some("110"), "1");
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
