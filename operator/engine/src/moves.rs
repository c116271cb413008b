//! What a phase comes to.

use jiff::Timestamp;

use crate::decision::Request;
use crate::question::Question;

/// What a phase wants to happen.
#[derive(Debug)]
pub(crate) enum Move {
    /// The journal in `Turn::next` changed: write it, then look again.
    Changed,
    /// Send these.
    Requests(Vec<Request>),
    /// Ask these; where all are asked already, wait for the answers, until this time.
    Ask(Vec<Question>, Timestamp),
    /// Wait for a change, or for this time.
    Wait(Option<Timestamp>),
}

impl Move {
    /// What is sent.
    pub(crate) fn requests(&self) -> &[Request] {
        match self {
            Self::Requests(requests) => requests,
            _ => &[],
        }
    }

    /// How long it may stay without a change.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Wait(until) => *until,
            Self::Ask(_, until) => Some(*until),
            Self::Changed | Self::Requests(_) => None,
        }
    }
}
