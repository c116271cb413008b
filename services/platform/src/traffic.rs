//! Counts what is going on at the client port.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;

/// Requests and connections at the client port. Counts of clients leave out calls from services of
/// the own colour: those end with the colour, so a drain need not wait for them.
#[derive(Debug)]
pub(crate) struct Traffic {
    started: Instant,
    pub(crate) in_flight: Gauge,
    pub(crate) open_connections: Gauge,
    client_in_flight: Gauge,
    client_connections: Gauge,
    /// Milliseconds from `started` to the last request of a client, plus 1; 0 means none yet.
    last_accepted: AtomicU64,
}

impl Traffic {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            in_flight: Gauge::default(),
            open_connections: Gauge::default(),
            client_in_flight: Gauge::default(),
            client_connections: Gauge::default(),
            last_accepted: AtomicU64::new(0),
        })
    }

    /// Clients' requests that have no answer yet.
    pub(crate) fn client_in_flight(&self) -> i64 {
        self.client_in_flight.get()
    }

    /// Clients' connections that are open.
    pub(crate) fn client_connections(&self) -> i64 {
        self.client_connections.get()
    }

    /// How long ago a client's request was last accepted.
    pub(crate) fn last_accepted_ago(&self) -> Option<Duration> {
        let millis = self.last_accepted.load(Ordering::Relaxed).checked_sub(1)?;
        let at = Duration::from_millis(millis);
        Some(self.started.elapsed().saturating_sub(at))
    }

    /// Counts a request until the guard is dropped.
    pub(crate) fn request(self: &Arc<Self>, own_colour: bool) -> RequestGuard {
        self.in_flight.inc();
        if !own_colour {
            self.client_in_flight.inc();
            let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
            self.last_accepted.store(millis + 1, Ordering::Relaxed);
        }
        RequestGuard {
            traffic: Arc::clone(self),
            own_colour,
        }
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn connection(self: &Arc<Self>) -> ConnectionGuard {
        self.open_connections.inc();
        self.client_connections.inc();
        ConnectionGuard {
            traffic: Arc::clone(self),
            own_colour: AtomicBool::new(false),
        }
    }
}

/// A request in flight.
pub(crate) struct RequestGuard {
    traffic: Arc<Traffic>,
    own_colour: bool,
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.traffic.in_flight.dec();
        if !self.own_colour {
            self.traffic.client_in_flight.dec();
        }
    }
}

/// An open connection; lives in the connection's extensions.
pub(crate) struct ConnectionGuard {
    traffic: Arc<Traffic>,
    own_colour: AtomicBool,
}

impl ConnectionGuard {
    /// Takes the connection out of the clients' count: a service of the own colour holds it.
    pub(crate) fn mark_own_colour(&self) {
        if !self.own_colour.swap(true, Ordering::Relaxed) {
            self.traffic.client_connections.dec();
        }
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.traffic.open_connections.dec();
        if !self.own_colour.load(Ordering::Relaxed) {
            self.traffic.client_connections.dec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_and_the_own_colour_is_not() {
        let traffic = Traffic::new();
        assert!(traffic.last_accepted_ago().is_none());
        let own = traffic.request(true);
        assert_eq!(
            (traffic.in_flight.get(), traffic.client_in_flight()),
            (1, 0)
        );
        assert!(traffic.last_accepted_ago().is_none());
        let client = traffic.request(false);
        assert_eq!(
            (traffic.in_flight.get(), traffic.client_in_flight()),
            (2, 1)
        );
        assert!(traffic.last_accepted_ago().is_some());
        drop((own, client));
        assert_eq!(
            (traffic.in_flight.get(), traffic.client_in_flight()),
            (0, 0)
        );
    }

    #[test]
    fn a_marked_connection_leaves_the_clients_count_once() {
        let traffic = Traffic::new();
        let (own, client) = (traffic.connection(), traffic.connection());
        own.mark_own_colour();
        own.mark_own_colour();
        assert_eq!(traffic.client_connections(), 1);
        assert_eq!(traffic.open_connections.get(), 2);
        drop((own, client));
        assert_eq!(traffic.client_connections(), 0);
        assert_eq!(traffic.open_connections.get(), 0);
    }
}
