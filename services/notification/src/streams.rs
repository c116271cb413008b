//! Who follows their inbox in this process, and what wakes them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exchange_platform::Platform;
use tokio::sync::watch;
use uuid::Uuid;

use crate::store::{Store, wake};

/// Streams that one user may hold in one process.
const OF_USER: usize = 10;
/// Streams that one process holds.
const OF_PROCESS: usize = 2_000;
/// How long to wait after the database was lost.
const PAUSE: Duration = Duration::from_millis(500);

/// The streams of this process.
#[derive(Default)]
pub struct Streams(Mutex<HashMap<Uuid, watch::Sender<()>>>);

/// Why there is no further stream.
#[derive(Debug, PartialEq, Eq)]
pub enum TooMany {
    OfUser,
    OfProcess,
}

/// A place among the streams; given back when dropped.
pub struct Place {
    streams: Arc<Streams>,
    user: Uuid,
    woken: watch::Receiver<()>,
}

impl Streams {
    /// A place for one more stream of a user.
    pub fn join(self: &Arc<Self>, user: Uuid) -> Result<Place, TooMany> {
        let mut listeners = self.listeners();
        let all: usize = listeners.values().map(watch::Sender::receiver_count).sum();
        if all >= OF_PROCESS {
            return Err(TooMany::OfProcess);
        }
        let sender = listeners.entry(user).or_default();
        if sender.receiver_count() >= OF_USER {
            return Err(TooMany::OfUser);
        }
        Ok(Place {
            streams: Arc::clone(self),
            user,
            woken: sender.subscribe(),
        })
    }

    /// Wakes streams whenever an inbox grows, until the process ends.
    pub async fn listen(self: Arc<Self>, store: Arc<Store>, platform: Platform) {
        let listen = async {
            loop {
                let Err(error) = self.follow(&store).await;
                tracing::warn!(%error, "streams wait for the database");
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = listen => {}
            () = platform.stopping().cancelled() => {}
        }
    }

    async fn follow(&self, store: &Store) -> Result<Infallible, sqlx::Error> {
        let mut listener = store.listen().await?;
        loop {
            // What happened while nobody listened is unknown, so everyone looks.
            self.wake_all();
            while let Some(notification) = listener.try_recv().await? {
                self.wake(wake::woken(&notification));
            }
        }
    }

    fn wake(&self, users: impl Iterator<Item = Uuid>) {
        let listeners = self.listeners();
        for sender in users.filter_map(|user| listeners.get(&user)) {
            sender.send_replace(());
        }
    }

    fn wake_all(&self) {
        for sender in self.listeners().values() {
            sender.send_replace(());
        }
    }

    fn listeners(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// From now on, what comes wakes.
    pub fn look(&mut self) {
        self.woken.mark_unchanged();
    }

    /// Returns once something came since the last look.
    pub async fn woken(&mut self) {
        // The sender lives as long as there is a place.
        let _ = self.woken.changed().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut listeners = self.streams.listeners();
        let last = listeners
            .get(&self.user)
            .is_some_and(|sender| sender.receiver_count() <= 1);
        if last {
            listeners.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_woken(place: &Place) -> bool {
        place.woken.has_changed().unwrap()
    }

    #[test]
    fn a_wake_reaches_the_streams_of_its_user_alone() {
        let streams = Arc::new(Streams::default());
        let (ada, bob) = (Uuid::new_v4(), Uuid::new_v4());
        let (mut first, second, other) = (
            streams.join(ada).unwrap(),
            streams.join(ada).unwrap(),
            streams.join(bob).unwrap(),
        );
        streams.wake([ada, Uuid::new_v4()].into_iter());
        assert!(is_woken(&first) && is_woken(&second) && !is_woken(&other));
        first.look();
        assert!(!is_woken(&first));
        streams.wake_all();
        assert!(is_woken(&first) && is_woken(&other));
    }

    #[test]
    fn a_user_has_a_bounded_number_of_streams_and_gets_places_back() {
        let streams = Arc::new(Streams::default());
        let ada = Uuid::new_v4();
        let places: Vec<Place> = (0..OF_USER).map(|_| streams.join(ada).unwrap()).collect();
        assert_eq!(streams.join(ada).err(), Some(TooMany::OfUser));
        assert!(streams.join(Uuid::new_v4()).is_ok());
        drop(places);
        assert!(streams.listeners().is_empty());
        assert!(streams.join(ada).is_ok());
    }
}
