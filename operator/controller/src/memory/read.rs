//! What of a release was read from the API server, and when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use changeover_crds::{ExchangeRelease, ResourceExt};
use changeover_engine::{Children, Reads};

use super::Memory;
use crate::shelf::{Watched, version};
use crate::shown::Shown;
use crate::slim;

/// How long what was read is gone on from.
pub(super) const FRESH: Duration = Duration::from_millis(500);

/// How long nothing is read: a watch may have missed something.
pub const LOOK: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Read {
    /// The release as it was last read or written.
    release: Option<(ExchangeRelease, Instant)>,
    /// What of its children was last read.
    children: Option<(Children, Instant)>,
    /// When everything was.
    everything: Option<Instant>,
}

impl Read {
    /// What is fresh enough to go on from.
    fn fresh(&self, now: Instant) -> Reads {
        let is_fresh = |at: &Instant| now.duration_since(*at) < FRESH;
        let children = self.children.filter(|(_, at)| is_fresh(at));
        let release = self.release.as_ref().map(|(_, at)| at);
        // Read before its children, it may not know yet that it is being deleted, while they already are.
        let is_after = |at: &&Instant| children.is_none_or(|(_, read)| **at >= read);
        Reads {
            release: release.filter(is_after).is_some_and(is_fresh),
            children: children.map_or(Children::Nothing, |(children, _)| children),
        }
    }
}

impl Memory {
    /// Remembers a release as it was read or written.
    pub fn learn(&self, uid: &str, release: ExchangeRelease, now: Instant) {
        self.note(uid, |notes| notes.read.release = Some((release, now)));
    }

    /// Goes on from a newer state of a release that is known. It is at least as fresh as what it was read from.
    pub fn show(&self, shown: &Shown) {
        let mut notes = self.lock();
        let notes = notes.get_mut(&shown.uid().unwrap_or_default());
        let known = notes.and_then(|notes| notes.read.release.as_mut());
        let Some((release, _)) = known.filter(|(known, _)| version(known) < version(shown)) else {
            return;
        };
        if let Some(whole) = shown.whole() {
            *release = slim::release(whole);
        }
    }

    /// The release as it is known, unless the watch has shown a newer state of it.
    pub fn known(&self, shown: &Watched) -> Option<ExchangeRelease> {
        let notes = self.lock();
        let (release, _) = notes.get(&shown.uid()?)?.read.release.as_ref()?;
        (version(release) >= version(shown)).then(|| release.clone())
    }

    /// A release is not as it is known, or none is: versions may have begun anew.
    pub fn unlearn(&self, uid: Option<&str>) {
        let mut notes = self.lock();
        let notes = notes.iter_mut();
        for (_, notes) in notes.filter(|(of, _)| uid.is_none_or(|uid| *of == uid)) {
            notes.read.release = None;
            notes.memo = Arc::default();
        }
    }

    /// Remembers that so much of the children was read.
    pub fn looked(&self, uid: &str, children: Children, now: Instant) {
        self.note(uid, |notes| {
            notes.read.children = Some((children, now));
            if children == Children::Everything {
                notes.read.everything = Some(now);
            }
        });
    }

    /// Whether a decision that rests on so much may be carried out now.
    pub fn covers(&self, uid: &str, reads: Reads, now: Instant) -> bool {
        let notes = self.lock();
        let fresh = notes.get(uid).map(|notes| notes.read.fresh(now));
        fresh.unwrap_or(Reads::NOTHING).cover(reads)
    }

    /// That everything cannot be read now is no reason to try at once again.
    pub fn spare(&self, uid: &str, now: Instant) {
        self.note(uid, |notes| notes.read.everything = Some(now));
    }

    /// Whether nothing was read for too long. A release that is new here was just read: the watches begin with
    /// all there is.
    pub fn must_look(&self, uid: &str, now: Instant) -> bool {
        let mut notes = self.lock();
        let everything = notes.get_mut(uid).map(|notes| &mut notes.read.everything);
        everything.is_some_and(|at| now.duration_since(*at.get_or_insert(now)) >= LOOK)
    }
}
