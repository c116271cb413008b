//! What orders, fills and cancels do to balances.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::matching::{Fill, Matched};
use super::money::{Asset, Market, MoneyError, add, total};
use super::order::{NewOrder, Side, Terms};

/// How one balance changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub available: Decimal,
    pub reserved: Decimal,
}

/// Changes of balances by user and asset: the order in which their rows are locked.
pub type Changes = BTreeMap<(Uuid, Asset), Change>;

/// What a quantity at a price takes from whoever stands on a side: the asset, and how much of it.
pub fn cost(
    market: Market,
    side: Side,
    price: Decimal,
    quantity: Decimal,
) -> Result<(Asset, Decimal), MoneyError> {
    Ok(match side {
        Side::Buy => (market.quote, total(price, quantity)?),
        Side::Sell => (market.base, quantity),
    })
}

/// What an order needs to be accepted: a limit order all that it may ever cost, a market order what its
/// fills cost.
pub fn needed(order: &NewOrder, fills: &[Fill]) -> Result<(Asset, Decimal), MoneyError> {
    if let Terms::Limit(limit) = order.terms {
        return cost(order.market, order.side, limit, order.quantity);
    }
    let (asset, mut sum) = cost(order.market, order.side, Decimal::ZERO, Decimal::ZERO)?;
    for fill in fills {
        let (_, amount) = cost(order.market, order.side, fill.price, fill.quantity)?;
        sum = add(sum, amount)?;
    }
    Ok((asset, sum))
}

/// The changes that an order and what becomes of it make together. Every asset sums to zero over all of
/// them.
pub fn settle(order: &NewOrder, matched: &Matched) -> Result<Changes, MoneyError> {
    let mut changes = Changes::new();
    let (asset, amount) = needed(order, &matched.fills)?;
    change(&mut changes, order.user, asset, -amount, amount)?;
    for fill in &matched.fills {
        let (buyer, seller) = match order.side {
            Side::Buy => (order.user, fill.maker),
            Side::Sell => (fill.maker, order.user),
        };
        let paid = total(fill.price, fill.quantity)?;
        // A buyer reserved at the own limit; what the better price saves is free again. For a
        // maker who buys, the limit is the fill's price.
        let held = match (order.side, order.terms) {
            (Side::Buy, Terms::Limit(limit)) => total(limit, fill.quantity)?,
            _ => paid,
        };
        let Market { base, quote, .. } = order.market;
        change(&mut changes, buyer, quote, held - paid, -held)?;
        change(&mut changes, buyer, base, fill.quantity, Decimal::ZERO)?;
        change(&mut changes, seller, base, Decimal::ZERO, -fill.quantity)?;
        change(&mut changes, seller, quote, paid, Decimal::ZERO)?;
    }
    if let Terms::Limit(limit) = order.terms {
        let (asset, held) = cost(order.market, order.side, limit, matched.cancelled)?;
        change(&mut changes, order.user, asset, held, -held)?;
    }
    Ok(changes)
}

/// Adds what a resting order frees when it is cancelled.
pub fn release(
    changes: &mut Changes,
    user: Uuid,
    (asset, held): (Asset, Decimal),
) -> Result<(), MoneyError> {
    change(changes, user, asset, held, -held)
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
mod tests;
