//! How a release ends, and what is remembered of it.

use changeover_crds::{ColourStatus, HistoryEntry, Outcome, Phase, Rejection};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::machine::Turn;
use crate::moves::Move;
use crate::news::News;
use crate::reason::Reason;

/// Releases that are remembered in status.
const HISTORY: usize = 10;

impl Turn<'_> {
    pub(crate) fn remember(&mut self, role: &ColourStatus, outcome: Outcome) {
        let of_role = |revision: &str| revision == role.revision;
        let rejected = self.next.rejected.as_ref().filter(|r| of_role(&r.revision));
        let reason = rejected.map(|r| r.reason.clone());
        let approval = self.next.approval.as_ref().filter(|a| of_role(&a.revision));
        let approved_by = approval.and_then(|a| a.by.clone());
        // Of the way there, or of the way back; the other ends move no Service.
        let moved = matches!(outcome, Outcome::Live | Outcome::RolledBack);
        let journal = self.next.switch.as_ref().filter(|_| moved);
        self.next.history.insert(
            0,
            HistoryEntry {
                revision: role.revision.clone(),
                version: role.version.clone(),
                outcome,
                at: MicroTime(self.now),
                reason: reason.filter(|_| outcome != Outcome::Live),
                approved_by,
                switch_millis: journal.and_then(|j| j.switch_millis),
                skew_millis: journal.and_then(|j| j.skew_millis),
            },
        );
        self.next.history.truncate(HISTORY);
    }

    /// Whether the revision that the spec names is one not to try again.
    pub(crate) fn is_rejected(&self) -> bool {
        let rejected = self.next.rejected.as_ref();
        rejected.is_some_and(|r| r.revision == self.wanted)
    }

    /// Whether a first release was given up in its switch, and not all of its live Services were seen to lead to it yet.
    pub(crate) fn is_first_switch_open(&self) -> bool {
        let live = self.next.live.as_ref().map(|live| &live.revision);
        let rejected = self.next.rejected.as_ref().map(|r| &r.revision);
        let journal = self.next.switch.as_ref();
        self.next.phase == Some(Phase::Rejected)
            && live.is_some()
            && live == rejected
            && journal.is_some_and(|journal| journal.finished_at.is_none())
    }

    /// Marks the candidate's revision as one not to try again.
    pub(crate) fn blame(&mut self, reason: Reason, message: &str) {
        if let Some(candidate) = &self.next.candidate {
            self.next.rejected = Some(self.rejection(candidate, reason, message));
        }
    }

    pub(crate) fn rejection(
        &self,
        role: &ColourStatus,
        reason: Reason,
        message: &str,
    ) -> Rejection {
        Rejection {
            revision: role.revision.clone(),
            version: role.version.clone(),
            reason: reason.as_str().to_owned(),
            message: message.to_owned(),
            at: MicroTime(self.now),
        }
    }

    /// What was verified and approved belongs to a candidate that is no longer one.
    pub(crate) fn void_verdict(&mut self) {
        self.next.verdict = None;
        self.next.approval = None;
    }

    /// The candidate is refused before any client saw it. The live colour is untouched.
    pub(crate) fn reject(&mut self, reason: Reason, message: &str) -> Move {
        self.blame(reason, message);
        if let Some(candidate) = self.next.candidate.clone() {
            self.remember(&candidate, Outcome::Rejected);
            self.tell(
                News::Rejected,
                format!("{} rejected: {message}", candidate.version),
            );
        }
        self.void_verdict();
        self.enter(Phase::Rejected);
        Move::Changed
    }
}
