//! What is told as Events: docs/events.md.

use crate::words::words;

/// From one list, so that no reason is without a type and a meaning.
macro_rules! news {
    ($(#[doc = $meaning:literal] $reason:ident: $kind:ident,)+) => {
        words! {
            /// The reason of an Event (docs/events.md).
            pub enum News {
                $(#[doc = $meaning] $reason,)+
            }
        }

        impl News {
            /// The Event's `type`: `Warning` if a person should look at it, else `Normal`.
            #[must_use]
            pub const fn kind(self) -> &'static str {
                match self { $(Self::$reason => stringify!($kind),)+ }
            }

            /// What it means, for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$reason => $meaning.trim_ascii(),)+ }
            }
        }
    };
}

news! {
    /// A candidate is being prepared in the idle colour.
    ReleaseStarted: Normal,
    /// A newer spec took the candidate's place before the switch.
    Superseded: Normal,
    /// Every pod of the candidate passed its smoke probes, and every journey passed.
    Verified: Normal,
    /// `promotion.mode` is `Manual`, and nobody approved this revision yet.
    AwaitingApproval: Normal,
    /// A person approved this revision; the note says who, and whether that is verified.
    Approved: Normal,
    /// Every live Service's EndpointSlices show the new colour and nothing else.
    Switched: Normal,
    /// Clients have left the old colour, or `drain.deadline` was over; the note says which.
    Drained: Normal,
    /// The new colour did well for `verification.bake`.
    Baked: Normal,
    /// `rollbackWindow` is over: the old colour is deleted.
    Collected: Normal,
    /// The candidate failed; the note says which pod, probe or step, what was expected and what came back.
    Rejected: Warning,
    /// Clients are sent back to the old colour; the note says why.
    RollingBack: Warning,
    /// Clients are back on the old colour.
    RolledBack: Warning,
    /// A person paused the release.
    Paused: Normal,
    /// A person resumed the release.
    Resumed: Normal,
    /// A person asked for something that changes nothing now; the note says why.
    NothingToDo: Warning,
    /// The status had been lost, and was rebuilt from the Services.
    StatusRebuilt: Warning,
}
