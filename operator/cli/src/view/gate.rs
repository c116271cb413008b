//! What forward steps wait for: a person's approval, the end of a pause.

use changeover_crds::{ExchangeRelease, ExchangeReleaseStatus, Phase, PromotionMode};
use serde::Serialize;

use super::is_pause_asked;

/// What forward steps wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// A person's approval.
    pub approval: Approval,
    /// A person who wants none for now.
    pub pause: Pause,
}

/// How the approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Approval {
    /// The verdict is enough.
    NotAsked,
    /// Nobody needs to approve anything now; the next release will.
    NextRelease,
    /// It will be asked for once the candidate is verified.
    OnceVerified,
    /// It is waited for.
    Waiting,
    /// It was given; `status.approval` says by whom.
    Given,
}

/// Whether forward steps are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Pause {
    /// They are taken.
    Off,
    /// The operator has not seen yet that none shall be taken.
    Asked,
    /// None is taken.
    On,
    /// The operator has not seen yet that they shall be taken again.
    Ending,
}

impl Gate {
    pub(super) fn of(release: &ExchangeRelease, status: &ExchangeReleaseStatus) -> Self {
        let pause = match (is_pause_asked(release), status.paused_since.is_some()) {
            (false, false) => Pause::Off,
            (true, false) => Pause::Asked,
            (true, true) => Pause::On,
            (false, true) => Pause::Ending,
        };
        Self {
            approval: approval(release, status),
            pause,
        }
    }
}

fn approval(release: &ExchangeRelease, status: &ExchangeReleaseStatus) -> Approval {
    if status.approval.is_some() {
        return Approval::Given;
    }
    if release.spec.promotion.mode == PromotionMode::Automatic {
        return Approval::NotAsked;
    }
    match status.phase {
        Some(Phase::AwaitingApproval) => Approval::Waiting,
        Some(Phase::Preparing | Phase::Verifying) => Approval::OnceVerified,
        _ => Approval::NextRelease,
    }
}
