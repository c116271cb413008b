//! The comparison of what was answered with what the database holds.

mod database;
mod streams;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;
use uuid::Uuid;

use crate::clients::{JournalEntry, Traders};
use crate::report::LedgerFigures;

/// Notifications are delivered after the fill; this long may they take.
const DELIVERY: Duration = Duration::from_secs(15);
const DELIVERY_POLL: Duration = Duration::from_millis(500);

pub use streams::check as check_streams;

/// An order of the run's traders as the database holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOrder {
    pub id: Uuid,
    /// The idempotency key it was placed under.
    pub key: Option<String>,
}

/// One side of a fill: it is owed exactly one notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FilledSide {
    pub fill: Uuid,
    pub user: Uuid,
}

/// Compares the traders' journal with the database behind `url`.
///
/// # Errors
/// When the database cannot be asked: without it the run proves nothing about orders.
pub async fn check(url: &str, traders: &Traders) -> Result<LedgerFigures> {
    let users = traders.users();
    let mut database = database::Database::connect(url)
        .await
        .context("the ledger check cannot reach the database given with --database-url")?;
    let stored = database.orders(&users).await?;
    let mut figures = compare_orders(&traders.journal(), &stored);

    let since = Instant::now();
    loop {
        // Read anew each time: an order whose client gave up may still be filled meanwhile.
        let sides = database.filled_sides(&users).await?;
        let delivered = database.notified_sides(&users).await?;
        compare_notifications(&sides, &delivered, &mut figures);
        if figures.notifications_missing == 0 || since.elapsed() > DELIVERY {
            break;
        }
        tokio::time::sleep(DELIVERY_POLL).await;
    }
    figures.awaited_millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(figures)
}

fn compare_orders(journal: &HashMap<Uuid, JournalEntry>, stored: &[StoredOrder]) -> LedgerFigures {
    let mut figures = LedgerFigures::default();
    let mut by_key: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for order in stored {
        match order.key.as_ref().and_then(|key| key.parse().ok()) {
            Some(key) if journal.contains_key(&key) => {
                by_key.entry(key).or_default().push(order.id)
            }
            _ => figures.stray_orders += 1,
        }
    }
    for (key, entry) in journal {
        let held = by_key.get(key).map_or(&[][..], Vec::as_slice);
        figures.duplicated_keys += u64::from(held.len() > 1 || entry.ids.len() > 1);
        figures.conflicting_keys += u64::from(entry.ids.len() > 1);
        if entry.accepted {
            figures.accepted_orders += 1;
            let is_held = entry.ids.iter().any(|id| held.contains(id));
            figures.missing_orders += u64::from(!is_held);
        } else {
            figures.unknown_accepted += u64::from(!held.is_empty());
        }
    }
    figures
}

fn compare_notifications(
    sides: &HashSet<FilledSide>,
    delivered: &[FilledSide],
    figures: &mut LedgerFigures,
) {
    let mut times: HashMap<&FilledSide, u64> = HashMap::new();
    for side in delivered {
        *times.entry(side).or_default() += 1;
    }
    figures.filled_sides = sides.len() as u64;
    figures.notifications_missing = sides
        .iter()
        .filter(|side| !times.contains_key(side))
        .count() as u64;
    figures.notifications_doubled = times.values().map(|times| times.saturating_sub(1)).sum();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(accepted: bool, ids: &[Uuid]) -> JournalEntry {
        JournalEntry {
            accepted,
            ids: ids.iter().copied().collect(),
        }
    }

    fn stored(key: Uuid, id: Uuid) -> StoredOrder {
        StoredOrder {
            id,
            key: Some(key.to_string()),
        }
    }

    #[test]
    fn accepted_orders_that_are_held_once_are_no_finding() {
        let (key, id) = (Uuid::new_v4(), Uuid::new_v4());
        let journal = HashMap::from([(key, entry(true, &[id]))]);
        let figures = compare_orders(&journal, &[stored(key, id)]);
        assert_eq!(
            figures,
            LedgerFigures {
                accepted_orders: 1,
                ..Default::default()
            }
        );
    }

    #[test]
    fn an_accepted_order_that_is_not_held_is_missing() {
        let (key, id) = (Uuid::new_v4(), Uuid::new_v4());
        let journal = HashMap::from([(key, entry(true, &[id]))]);
        assert_eq!(compare_orders(&journal, &[]).missing_orders, 1);
        // Held, but under an id that was never answered: the answered order is missing.
        assert_eq!(
            compare_orders(&journal, &[stored(key, Uuid::new_v4())]).missing_orders,
            1
        );
    }

    #[test]
    fn a_key_with_two_orders_is_duplicated_and_with_two_answers_conflicting() {
        let (key, first, second) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
        let journal = HashMap::from([(key, entry(true, &[first, second]))]);
        let figures = compare_orders(&journal, &[stored(key, first), stored(key, second)]);
        assert_eq!((figures.duplicated_keys, figures.conflicting_keys), (1, 1));
        assert_eq!(figures.missing_orders, 0);

        let journal = HashMap::from([(key, entry(true, &[first]))]);
        let figures = compare_orders(&journal, &[stored(key, first), stored(key, second)]);
        assert_eq!((figures.duplicated_keys, figures.conflicting_keys), (1, 0));
    }

    #[test]
    fn an_order_that_nobody_sent_is_stray() {
        let unkeyed = StoredOrder {
            id: Uuid::new_v4(),
            key: None,
        };
        let unknown = stored(Uuid::new_v4(), Uuid::new_v4());
        let figures = compare_orders(&HashMap::new(), &[unkeyed, unknown]);
        assert_eq!(
            figures,
            LedgerFigures {
                stray_orders: 2,
                ..Default::default()
            }
        );
    }

    #[test]
    fn an_order_without_an_answer_is_looked_up() {
        let (held, not_held) = (Uuid::new_v4(), Uuid::new_v4());
        let journal = HashMap::from([(held, entry(false, &[])), (not_held, entry(false, &[]))]);
        let figures = compare_orders(&journal, &[stored(held, Uuid::new_v4())]);
        assert_eq!((figures.unknown_accepted, figures.missing_orders), (1, 0));
    }

    #[test]
    fn each_side_of_a_fill_is_owed_one_notification() {
        let side = |n| FilledSide {
            fill: Uuid::from_u128(n),
            user: Uuid::from_u128(n + 100),
        };
        let sides = HashSet::from([side(1), side(2), side(3)]);
        let mut figures = LedgerFigures::default();
        compare_notifications(&sides, &[side(1), side(2), side(2)], &mut figures);
        assert_eq!(figures.filled_sides, 3);
        assert_eq!(figures.notifications_missing, 1);
        assert_eq!(figures.notifications_doubled, 1);
    }
}
