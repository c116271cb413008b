//! What must have been read from the API server for a decision (docs/decisions/0001-live-reads.md).

use changeover_crds::{ExchangeReleaseStatus, Phase};

use crate::decision::Request;

/// What a decision rests on. What moves clients, takes something away or says that this is done rests on reads
/// that were made for it. Anything else may rest on what watches showed; preconditions refuse what is too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The release, after its children. Two writes need no such read: a status is refused by a release that has
    /// changed since, a flip by a Service that has. Another leader's journal shows in the Services.
    pub release: bool,
    /// And of the children so much; others are as known, and each write of one is refused if it is not.
    pub children: Children,
}

/// How much of the children of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Children {
    /// None.
    Nothing,
    /// Services: whether there are clients.
    Services,
    /// What is ready: Pods and EndpointSlices.
    Readiness,
    /// All kinds.
    Everything,
}

impl Reads {
    /// Nothing but what is known.
    pub const NOTHING: Self = Self::of(Children::Nothing);
    /// The release alone.
    pub const RELEASE: Self = Self {
        release: true,
        children: Children::Nothing,
    };
    /// All there is.
    pub const EVERYTHING: Self = Self {
        release: true,
        children: Children::Everything,
    };

    /// These, and not the release.
    #[must_use]
    pub const fn of(children: Children) -> Self {
        Self {
            release: false,
            children,
        }
    }

    /// What covers both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            release: self.release || other.release,
            children: self.children.and(other.children),
        }
    }

    /// Whether what rests on `other` may rest on this.
    #[must_use]
    pub fn cover(self, other: Self) -> bool {
        (self.release || !other.release) && self.children.cover(other.children)
    }
}

impl Children {
    fn and(self, other: Self) -> Self {
        match (self.cover(other), other.cover(self)) {
            (true, _) => self,
            (false, true) => other,
            (false, false) => Self::Everything,
        }
    }

    /// Whether what rests on `other` may rest on these.
    #[must_use]
    pub fn cover(self, other: Self) -> bool {
        self == other || self == Self::Everything || other == Self::Nothing
    }
}

/// What a batch rests on.
pub(crate) fn of_requests(requests: &[Request]) -> Reads {
    requests
        .iter()
        .map(Request::reads)
        .fold(Reads::NOTHING, Reads::and)
}

/// What a status with new intent rests on. A candidate may be begun and probed on what watches showed: no client
/// sees it, and its journal is not open. What a person ordered needs no look either: going back waits for nothing.
pub(crate) fn of_intent(
    old: &ExchangeReleaseStatus,
    next: &ExchangeReleaseStatus,
    serves: bool,
    is_ordered: bool,
) -> Reads {
    let (before, after) = (old.phase, next.phase);
    // What is live, and which colour is idle, only the Services say. That there is none is enough to begin with, and for
    // a person to give a first install up.
    let begins = after == Some(Phase::Preparing);
    let gives_up = is_ordered && (before, after) == (Some(Phase::Switching), Some(Phase::Rejected));
    let is_unclear = before.is_none() || (begins || gives_up) && next.live.is_none();
    Reads::of(match after {
        _ if is_unclear && serves => Children::Everything,
        _ if is_unclear => Children::Services,
        // A way back is given up.
        Some(Phase::Preparing) if before == Some(Phase::RollingBack) => Children::Everything,
        Some(Phase::Preparing | Phase::Verifying) => Children::Nothing,
        _ if is_ordered => Children::Nothing,
        // A failure that is none: what is missing was not seen yet.
        Some(Phase::RollingBack | Phase::Rejected) if before != after => Children::Everything,
        _ => Children::Readiness,
    })
}

/// What is read while pods answer: the flips that follow wait for nothing then.
pub(crate) fn beside(phase: Option<Phase>) -> Reads {
    match phase {
        Some(Phase::Switching | Phase::RollingBack) => Reads::of(Children::Readiness),
        _ => Reads::NOTHING,
    }
}
