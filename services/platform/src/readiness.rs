//! Whether this process should get requests, and if not, why.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;

use crate::platform::Lifecycle;

/// How often the database is asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether this process should get requests.
#[derive(Debug)]
pub(crate) struct Readiness(Mutex<State>);

#[derive(Debug, Clone, Copy)]
enum State {
    Starting(&'static str),
    Ready,
    DatabaseLost,
    Stopping,
}

impl Readiness {
    pub(crate) fn starting() -> Self {
        Self(Mutex::new(State::Starting("starting")))
    }

    /// Why this process should get no requests; `None` when it should.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Starting(step) => Some(step),
            State::Ready => None,
            State::DatabaseLost => Some("the database does not answer"),
            State::Stopping => Some("shutting down"),
        }
    }

    /// Says what start-up waits for.
    pub(crate) fn waits_for(&self, step: &'static str) {
        self.set(State::Starting(step));
    }

    pub(crate) fn stopping(&self) {
        self.set(State::Stopping);
    }

    fn database(&self, answers: bool) {
        self.set(if answers {
            State::Ready
        } else {
            State::DatabaseLost
        });
    }

    fn set(&self, next: State) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Stopping) {
            *state = next;
        }
    }
}

/// Keeps asking the database over a connection of its own, so that a busy pool does not look like a
/// lost database and a probe costs nothing.
pub(crate) async fn watch_database(pool: PgPool, lifecycle: &Lifecycle) {
    let mut answered = true;
    loop {
        // The question is a useful one: which colour is live.
        let asked = tokio::time::timeout(PATIENCE, lifecycle.roles.refresh(&pool)).await;
        let answers = matches!(asked, Ok(Ok(_)));
        if answers != answered {
            tracing::warn!(answers, "database");
        }
        answered = answers;
        lifecycle.readiness.database(answers);
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_started_process_with_a_database_is_ready() {
        let readiness = Readiness::starting();
        assert!(readiness.reason().is_some());
        readiness.database(true);
        assert_eq!(readiness.reason(), None);
        readiness.database(false);
        assert_eq!(readiness.reason(), Some("the database does not answer"));
    }

    #[test]
    fn a_stopping_process_never_becomes_ready_again() {
        let readiness = Readiness::starting();
        readiness.stopping();
        readiness.database(true);
        assert_eq!(readiness.reason(), Some("shutting down"));
    }
}
