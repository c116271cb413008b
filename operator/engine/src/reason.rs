//! Why a condition is as it is, where the phase does not say enough.

use crate::words::words;

words! {
    /// The reason of a condition (docs/events.md).
    pub enum Reason {
        /// The candidate's pods were not ready in time.
        ProgressDeadlineExceeded,
        /// A pod answered a smoke probe otherwise than expected.
        SmokeProbeFailed,
        /// A step of a journey was not as expected.
        JourneyFailed,
        /// Probes and journeys were not over in time.
        VerificationTimeout,
        /// Nobody approved in time.
        ApprovalTimeout,
        /// A person asked to end the release.
        Aborted,
        /// A person asked for the old colour.
        RollbackRequested,
        /// The new colour lost its pods in the middle of the switch.
        TargetCannotServe,
        /// The switch was not verified in time.
        SwitchDeadlineExceeded,
        /// A container of the new colour crashed in the bake.
        ContainerRestarted,
        /// Too few pods of the live colour are ready.
        LiveDegraded,
        /// The spec named the old revision again in the bake.
        Reverted,
        /// A first release failed after its switch.
        NothingToGoBackTo,
        /// A person holds every forward step.
        Paused,
        /// A way back waits for the old colour.
        OldColourCannotServe,
        /// A way back takes longer than a switch may.
        RollbackLate,
        /// Neither colour can serve.
        BothColoursBroken,
        /// Someone else writes a live Service's selector.
        SelectorContested,
        /// An object of a name that is needed belongs to someone else.
        NameTaken,
        /// The API server refuses a write.
        Refused,
        /// A Service carries a later epoch than the journal.
        Fenced,
        /// The spec cannot be carried out.
        InvalidSpec,
        /// The status had been lost.
        StatusRebuilt,
    }
}

impl Reason {
    /// The reason that a status holds.
    #[must_use]
    pub fn of(stored: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|reason| reason.as_str() == stored)
    }
}
