//! What to write for a request, if anything. Pure.

use changeover_crds::{
    ColourStatus, ExchangeRelease, ExchangeReleaseStatus, Phase, PromotionMode, ResourceExt, names,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::view::{is_pause_asked, is_up_to_date, standing};

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Approve the candidate, or this revision of it.
    Promote(Option<String>),
    /// Give up the release that goes on.
    Abort,
    /// Back to the warm colour.
    Rollback,
    /// Try the rejected revision again.
    Retry,
    /// No forward step.
    Pause,
    /// Forward steps again.
    Resume,
}

impl Verb {
    /// As people type it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Promote(_) => "promote",
            Self::Abort => "abort",
            Self::Rollback => "rollback",
            Self::Retry => "retry",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

/// What to do about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Write this.
    Send(Change),
    /// It is so already.
    Already(String),
    /// There is nothing to do; what else might help.
    NothingToDo(String),
    /// It is not what the person thinks it is.
    Refused(String),
}

/// Annotations to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of the release that was looked at: one that was made anew since is another.
    pub uid: Option<String>,
    /// Names and values; none removes an annotation.
    pub annotations: Vec<(&'static str, Option<String>)>,
    /// The value by which the operator says that it has seen the request; none for a state.
    pub token: Option<String>,
    /// The revision that is approved.
    pub revision: Option<String>,
    /// In whose name.
    pub by: Option<String>,
}

impl Change {
    /// As a merge patch.
    #[must_use]
    pub fn patch(&self) -> Value {
        let annotations = self.annotations.iter();
        let annotations: Map<String, Value> = annotations
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        json!({"metadata": {"uid": self.uid, "annotations": annotations}})
    }
}

/// Decides what to write.
///
/// A request is left out only where the release shows that nothing can come of it; when in doubt the operator decides.
#[must_use]
pub fn plan(verb: &Verb, release: &ExchangeRelease, who: Option<&str>, now: Timestamp) -> Plan {
    let none = ExchangeReleaseStatus::default();
    let at = At {
        release,
        status: release.status.as_ref().unwrap_or(&none),
        token: now.to_string(),
    };
    match verb {
        Verb::Promote(revision) => at.promote(revision.as_deref(), who),
        Verb::Abort => at.abort(),
        Verb::Rollback => at.rollback(),
        Verb::Retry => at.retry(),
        Verb::Pause => at.pause(true),
        Verb::Resume => at.pause(false),
    }
}

/// The release, as it was looked at.
struct At<'a> {
    release: &'a ExchangeRelease,
    status: &'a ExchangeReleaseStatus,
    token: String,
}

impl At<'_> {
    fn promote(&self, revision: Option<&str>, who: Option<&str>) -> Plan {
        let Some(candidate) = self.candidate() else {
            return Plan::NothingToDo(format!("nothing waits to go live: {}", self.standing()));
        };
        let version = &candidate.version;
        if revision.is_some_and(|r| !is_same_revision(r, &candidate.revision)) {
            return Plan::Refused(format!(
                "the candidate is {version}, revision {}: look at it with `kubectl exr get {}` before you approve it",
                names::short_revision(&candidate.revision),
                self.release.name_any()
            ));
        }
        let approval = self.status.approval.as_ref();
        if let Some(given) = approval.filter(|a| a.revision == candidate.revision) {
            let by = given.by.as_deref().unwrap_or("nobody named");
            return Plan::Already(format!("{version} is approved already, by {by}"));
        }
        if self.release.spec.promotion.mode == PromotionMode::Automatic {
            return Plan::NothingToDo(format!(
                "{version} goes live by itself once it is verified: promotion.mode is Automatic"
            ));
        }
        if revision.is_none() && self.status.phase != Some(Phase::AwaitingApproval) {
            return Plan::NothingToDo(format!(
                "{version} is not verified yet: `kubectl exr wait {} --for=approval`, or approve it beforehand with --revision={}",
                self.release.name_any(),
                names::short_revision(&candidate.revision)
            ));
        }
        let token = format!("{}@{}", candidate.revision, self.token);
        Plan::Send(Change {
            // Without a name of our own, that of the last approver must not stand beside it.
            annotations: vec![
                (names::PROMOTE, Some(token.clone())),
                (names::PROMOTE_BY, who.map(str::to_owned)),
            ],
            token: Some(token),
            revision: Some(candidate.revision.clone()),
            by: who.map(str::to_owned),
            uid: self.release.uid(),
        })
    }

    fn abort(&self) -> Plan {
        match self.status.phase {
            Some(Phase::RollingBack) => Plan::Already(self.standing()),
            // A spec or a request that the operator has not seen yet may begin a release at any moment.
            Some(Phase::Live | Phase::Rejected | Phase::RolledBack)
                if is_up_to_date(self.release) =>
            {
                Plan::NothingToDo(format!("no release goes on: {}", self.standing()))
            }
            _ => self.send(names::ABORT),
        }
    }

    fn rollback(&self) -> Plan {
        let old = self.status.warm.as_ref().or(self.status.live.as_ref());
        match (self.status.phase, old) {
            (Some(Phase::RollingBack), _) => Plan::Already(self.standing()),
            (Some(Phase::Baking | Phase::Warm), _) if self.status.warm.is_some() => {
                self.send(names::ROLLBACK)
            }
            (Some(Phase::Switching), Some(_)) => self.send(names::ROLLBACK),
            // A revert to what was warm: past its gates, while that is kept.
            (Some(Phase::Preparing | Phase::Verifying | Phase::AwaitingApproval), _)
                if self.status.warm_until.is_some() =>
            {
                self.send(names::ROLLBACK)
            }
            (Some(Phase::Preparing | Phase::Verifying | Phase::AwaitingApproval), _) => {
                Plan::NothingToDo(format!(
                    "clients are not on the candidate: {}; abort gives it up",
                    self.standing()
                ))
            }
            _ => Plan::NothingToDo(format!(
                "no old colour is kept: {}; apply the version that you want",
                self.standing()
            )),
        }
    }

    fn retry(&self) -> Plan {
        let ended = matches!(self.status.phase, Some(Phase::Rejected | Phase::RolledBack));
        match &self.status.rejected {
            Some(rejected) if ended && is_pause_asked(self.release) => Plan::NothingToDo(format!(
                "the release is paused, {} would not be tried: resume first",
                rejected.version
            )),
            Some(_) if ended => self.send(names::RETRY),
            _ => Plan::NothingToDo(format!("nothing is rejected: {}", self.standing())),
        }
    }

    fn pause(&self, pause: bool) -> Plan {
        if is_pause_asked(self.release) == pause && self.status.paused_since.is_some() == pause {
            let word = if pause { "paused" } else { "not paused" };
            return Plan::Already(format!("{} is {word} already", self.release.name_any()));
        }
        Plan::Send(Change {
            uid: self.release.uid(),
            annotations: vec![(names::PAUSE, pause.then(|| "true".to_owned()))],
            token: None,
            revision: None,
            by: None,
        })
    }

    fn send(&self, annotation: &'static str) -> Plan {
        Plan::Send(Change {
            uid: self.release.uid(),
            annotations: vec![(annotation, Some(self.token.clone()))],
            token: Some(self.token.clone()),
            revision: None,
            by: None,
        })
    }

    /// What waits to go live.
    fn candidate(&self) -> Option<&ColourStatus> {
        let before_switch = matches!(
            self.status.phase,
            Some(Phase::Preparing | Phase::Verifying | Phase::AwaitingApproval)
        );
        self.status.candidate.as_ref().filter(|_| before_switch)
    }

    fn standing(&self) -> String {
        standing(self.status)
    }
}

/// Whole, or in its short form, with or without the prefix.
fn is_same_revision(given: &str, revision: &str) -> bool {
    let short = names::short_revision(revision);
    given == revision
        || given == short
        || given.split_once(':').is_some_and(|(_, hash)| hash == short)
}
