//! What a test wants spoiled, and what became of it.

use std::time::Duration;

/// What becomes of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    /// It does not arrive, and nothing after it does: the operator is to be killed.
    CrashBefore,
    /// It is carried out, and nothing after it is: the operator is to be killed.
    CrashAfter,
    /// It is carried out, and the connection breaks instead of an answer.
    LoseAnswer,
    /// It is refused with this status code.
    Refuse(u16),
}

/// What becomes of every second watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watches {
    /// It ends after its first piece of news.
    End,
    /// 410 Gone instead of a stream.
    Gone,
    /// A stream whose only event is an error with code 410.
    GoneEvent,
}

/// What waits in the proxy: sent, and not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Flips of live Services.
    Flips,
    /// Whatever deletes something.
    Deletes,
}

#[derive(Debug, Default)]
pub struct Plan {
    /// Writes that passed since the plan was made; those of leases and Events are not counted.
    pub writes: usize,
    /// The number of the write to spoil, from 1.
    pub fault: Option<(usize, Spoil)>,
    pub watches: Option<Watches>,
    pub started: usize,
    pub spoiled: usize,
    /// How late everything but watches arrives.
    pub delay: Duration,
    pub holds: Option<Hold>,
}

/// Requests that wait or have waited in the proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub waiting: usize,
    pub let_go: bool,
    /// What the API server said to them in the end.
    pub answers: Vec<u16>,
}
