//! The rules of trading, written down once more and as simply as they can be.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

use std::collections::BTreeMap;

use rust_decimal::Decimal;

/// What each trader has available and reserved of each asset.
pub type Balances = BTreeMap<(usize, &'static str), (Decimal, Decimal)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Buy,
    Sell,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub trader: usize,
    pub side: Side,
    pub price: Option<Decimal>,
    pub left: Decimal,
    pub filled: Decimal,
    pub cancelled: Decimal,
}

/// How a cancel ends.
pub enum Exit {
    Done,
    Closed,
    NotYours,
}

/// Orders oldest first, and balances.
#[derive(Clone, Default)]
pub struct Model {
    pub balances: Balances,
    pub orders: Vec<Order>,
}

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }

    /// The asset that an order on this side pays with, and how much of it.
    fn pays(self, price: Decimal, quantity: Decimal) -> (&'static str, Decimal) {
        match self {
            Self::Buy => ("EUR", price * quantity),
            Self::Sell => ("BTC", quantity),
        }
    }
}

impl Order {
    fn rests(&self) -> bool {
        !self.left.is_zero()
    }
}

impl Model {
    /// The order as it stands afterwards; `None` when there are no funds for it.
    pub fn place(
        &mut self,
        trader: usize,
        side: Side,
        price: Option<Decimal>,
        quantity: Decimal,
    ) -> Option<Order> {
        let before = self.clone();
        let mut order = Order {
            trader,
            side,
            price,
            left: quantity,
            filled: Decimal::ZERO,
            cancelled: Decimal::ZERO,
        };
        if let Some(price) = price {
            self.reserve(trader, side.pays(price, quantity));
        }
        if self.is_overdrawn(trader) {
            *self = before;
            return None;
        }
        while order.rests() {
            match self.best(&order) {
                Some(best) if self.orders[best].trader == trader => break,
                Some(best) => self.fill(&mut order, best),
                None if price.is_some() => {
                    self.orders.push(order.clone());
                    return Some(order);
                }
                None => break,
            }
        }
        if let Some(price) = price {
            let (asset, held) = side.pays(price, order.left);
            self.reserve(trader, (asset, -held));
        }
        order.cancelled = std::mem::take(&mut order.left);
        if self.is_overdrawn(trader) {
            *self = before;
            return None;
        }
        self.orders.push(order.clone());
        Some(order)
    }

    pub fn cancel(&mut self, trader: usize, which: usize) -> Exit {
        let order = &mut self.orders[which];
        if order.trader != trader {
            return Exit::NotYours;
        }
        if !order.rests() {
            return Exit::Closed;
        }
        order.cancelled = std::mem::take(&mut order.left);
        let (asset, held) = order.side.pays(order.price.unwrap(), order.cancelled);
        self.reserve(trader, (asset, -held));
        Exit::Done
    }

    /// Whether it was done.
    pub fn transfer(&mut self, trader: usize, asset: &'static str, change: Decimal) -> bool {
        let (available, _) = self.balances.get_mut(&(trader, asset)).unwrap();
        let done = *available + change >= Decimal::ZERO;
        if done {
            *available += change;
        }
        done
    }

    /// Price and quantity of each level, best first.
    pub fn book(&self, side: Side) -> Vec<(Decimal, Decimal)> {
        let mut levels = BTreeMap::<Decimal, Decimal>::new();
        for order in self.orders.iter().filter(|o| o.side == side && o.rests()) {
            *levels.entry(order.price.unwrap()).or_default() += order.left;
        }
        match side {
            Side::Buy => levels.into_iter().rev().collect(),
            Side::Sell => levels.into_iter().collect(),
        }
    }

    /// Orders that rest, and whose they are.
    pub fn open(&self) -> Vec<(usize, usize)> {
        let orders = self.orders.iter().enumerate();
        let open = orders.filter(|(_, order)| order.rests());
        open.map(|(which, order)| (which, order.trader)).collect()
    }

    /// The order that an incoming one meets next: the best price, and at one price the oldest.
    fn best(&self, incoming: &Order) -> Option<usize> {
        let mut best: Option<(Decimal, usize)> = None;
        for (which, order) in self.orders.iter().enumerate() {
            let Some(price) = order.price.filter(|_| order.rests()) else {
                continue;
            };
            let better = |than: Decimal, or_equal: bool| match incoming.side {
                Side::Buy => price < than || or_equal && price == than,
                Side::Sell => price > than || or_equal && price == than,
            };
            let crosses = incoming.price.is_none_or(|limit| better(limit, true));
            if order.side != incoming.side
                && crosses
                && best.is_none_or(|(so_far, _)| better(so_far, false))
            {
                best = Some((price, which));
            }
        }
        best.map(|(_, which)| which)
    }

    fn fill(&mut self, order: &mut Order, maker: usize) {
        let maker = &mut self.orders[maker];
        let (price, other) = (maker.price.unwrap(), maker.trader);
        let quantity = order.left.min(maker.left);
        for side in [&mut *order, maker] {
            side.left -= quantity;
            side.filled += quantity;
        }
        let (buyer, seller) = match order.side {
            Side::Buy => (order.trader, other),
            Side::Sell => (other, order.trader),
        };
        // What was reserved for this is free again, and then paid.
        self.reserve(other, negative(opposite(order.side).pays(price, quantity)));
        if let Some(limit) = order.price {
            self.reserve(order.trader, negative(order.side.pays(limit, quantity)));
        }
        for (trader, asset, change) in [
            (buyer, "EUR", -price * quantity),
            (buyer, "BTC", quantity),
            (seller, "EUR", price * quantity),
            (seller, "BTC", -quantity),
        ] {
            self.balances.get_mut(&(trader, asset)).unwrap().0 += change;
        }
    }

    fn reserve(&mut self, trader: usize, (asset, amount): (&'static str, Decimal)) {
        let (available, reserved) = self.balances.get_mut(&(trader, asset)).unwrap();
        *available -= amount;
        *reserved += amount;
    }

    fn is_overdrawn(&self, trader: usize) -> bool {
        let of = self
            .balances
            .iter()
            .filter(|((owner, _), _)| *owner == trader);
        of.into_iter()
            .any(|(_, (available, _))| *available < Decimal::ZERO)
    }
}

fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    }
}

fn negative((asset, amount): (&'static str, Decimal)) -> (&'static str, Decimal) {
    (asset, -amount)
}
