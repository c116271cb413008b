//! What a test wants spoiled, and what became of it.

use std::collections::HashSet;
use std::time::Duration;

use hyper::Method;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    /// It does not arrive, and nothing after it does: the operator is to be killed.
    CrashBefore,
    /// It is carried out, and nothing after it is: the operator is to be killed.
    CrashAfter,
    /// It is carried out, and the connection breaks instead of an answer.
    LoseAnswer,
    /// It does not arrive, and there is no answer for longer than anyone waits.
    Silence,
    /// It is refused with this status code.
    Refuse(u16),
}

impl Spoil {
    /// What the API server says to a request that it does not want.
    pub const REFUSALS: [Self; 3] = [Self::Refuse(409), Self::Refuse(410), Self::Refuse(422)];
    /// What it says when it cannot carry one out.
    pub const NOT_NOW: [Self; 3] = [Self::Refuse(429), Self::Refuse(500), Self::Refuse(503)];
}

/// Which requests are counted for the one to spoil.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// Reads of releases and children, beside watches.
    Reads,
    /// Reads and writes of leases.
    Renewals,
    /// Writes of releases and children.
    Writes,
    /// Stamps.
    Stamps,
}

/// What becomes of every second watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watches {
    /// It ends after its first piece of news.
    End,
    /// 410 Gone instead of a stream, until all is listed anew.
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
    /// Applies of Deployments: all that changes one, its scale.
    Scales,
}

#[derive(Debug, Default)]
pub struct Plan {
    /// Requests that passed since the plan was made, of those that count.
    pub counted: usize,
    /// The request to spoil: of these the one of this number, from 1.
    pub fault: Option<(Requests, usize, Spoil)>,
    pub watches: Option<Watches>,
    pub started: usize,
    /// Paths of which nobody knows the version that was seen last.
    pub gone: HashSet<String>,
    pub spoiled: usize,
    /// How late everything but watches arrives.
    pub delay: Duration,
    /// Watches whose path ends so tell their news so much later.
    pub late: Option<(&'static str, Duration)>,
    pub holds: Option<Hold>,
    /// What is forbidden: this method, where the path ends so.
    pub forbidden: Option<(Method, &'static str)>,
}

/// Requests that wait or have waited in the proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub waiting: usize,
    pub let_go: LetGo,
    /// What the API server said to them in the end; 0 if it was away.
    pub answers: Vec<u16>,
}

/// Which of them may arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LetGo {
    #[default]
    None,
    /// Those to this object.
    Of(String),
    All,
}

impl LetGo {
    pub fn lets(&self, path: &str) -> bool {
        match self {
            Self::None => false,
            Self::Of(name) => path.rsplit('/').next() == Some(name),
            Self::All => true,
        }
    }
}
