//! The comparison of what streams brought with the inboxes.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use tokio::time::Instant;
use uuid::Uuid;

use super::database::Database;
use super::{DELIVERY, DELIVERY_POLL};
use crate::clients::{Followed, Told};
use crate::report::StreamFigures;

/// Reasons that a report shows.
const REASONS: usize = 5;

/// Compares the streams with the database behind `url`, once nothing is added to the inboxes any more.
///
/// # Errors
/// When the database cannot be asked.
pub async fn check(url: &str, streams: &[Followed]) -> Result<StreamFigures> {
    let database = Database::connect(url).await;
    let mut database = database.context("the streams cannot be compared with the inboxes")?;
    let since = Instant::now();
    loop {
        let mut figures = StreamFigures::default();
        for stream in streams {
            let inbox = database.inbox(stream.user).await?;
            add(&mut figures, &inbox, &stream.told());
        }
        if figures.gaps == 0 || since.elapsed() > DELIVERY {
            return Ok(figures);
        }
        tokio::time::sleep(DELIVERY_POLL).await;
    }
}

fn add(figures: &mut StreamFigures, inbox: &[Uuid], told: &Told) {
    let places: HashMap<&Uuid, usize> = inbox.iter().zip(0..).collect();
    let mut seen = HashSet::new();
    let mut furthest = None;
    for event in &told.events {
        if !seen.insert(event) {
            figures.doubled += 1;
            continue;
        }
        let place = places.get(event).copied();
        figures.disordered += u64::from(place.is_none() || place < furthest);
        furthest = furthest.max(place);
    }
    let missing = inbox.iter().filter(|id| !seen.contains(id)).count();
    figures.followed += 1;
    figures.opened += told.opened;
    figures.events += told.events.len() as u64;
    figures.gaps += missing as u64;
    figures.broken += told.broken.len() as u64;
    figures.reasons.extend(told.broken.iter().cloned());
    figures.reasons.truncate(REASONS);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(inbox: &[u128], told: &[u128]) -> (u64, u64, u64) {
        let ids = |numbers: &[u128]| numbers.iter().map(|n| Uuid::from_u128(*n)).collect();
        let (inbox, events): (Vec<_>, Vec<_>) = (ids(inbox), ids(told));
        let told = Told {
            events,
            ..Told::default()
        };
        let mut figures = StreamFigures::default();
        add(&mut figures, &inbox, &told);
        (figures.gaps, figures.doubled, figures.disordered)
    }

    #[test]
    fn a_stream_that_brings_the_inbox_in_its_order_is_no_finding() {
        assert_eq!(figures(&[1, 2, 3], &[1, 2, 3]), (0, 0, 0));
        assert_eq!(figures(&[], &[]), (0, 0, 0));
    }

    #[test]
    fn gaps_doubles_and_disorder_are_told_apart() {
        assert_eq!(figures(&[1, 2, 3], &[1, 3]), (1, 0, 0));
        assert_eq!(figures(&[1, 2, 3], &[1, 2, 2, 3]), (0, 1, 0));
        assert_eq!(figures(&[1, 2, 3], &[1, 3, 2]), (0, 0, 1));
        assert_eq!(figures(&[1, 2, 3], &[1, 2, 3, 9]), (0, 0, 1), "of no inbox");
    }
}
