use std::fmt;

use changeover_crds::{Colour, ExchangeReleaseStatus, ResourceExt, names};
use jiff::Timestamp;
use serde_json::Value;

use crate::news::News;
use crate::observation::Flipped;
use crate::question::Question;
use crate::reads::{Children, Reads};
use crate::render::set;
use crate::upkeep::target;
use crate::world::controller_of;

/// What to do next, and what to tell people once it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do.
    pub step: Step,
    /// Told as Events after the step's status write succeeded.
    pub notices: Vec<Notice>,
    /// What must have been read from the API server for it.
    pub reads: Reads,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Replace the status, on condition of the observed release's `resourceVersion`.
    Status(Box<ExchangeReleaseStatus>),
    /// Requests that commute: in any order, all at once.
    Requests(Vec<Request>),
    /// Ask these, beside everything else: an answer is a reason to look again.
    Ask(Vec<Question>),
    /// Nothing until something changes, or until this time.
    Wait(Option<Timestamp>),
}

/// An Event for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its reason.
    pub news: News,
    /// What happened.
    pub note: String,
}

/// The kinds of our children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `apps/v1`.
    ControllerRevision,
    /// `v1`.
    ConfigMap,
    /// `v1`.
    Service,
    /// `apps/v1`.
    Deployment,
    /// `policy/v1`.
    PodDisruptionBudget,
}

impl Kind {
    /// The kind's name, which is also its metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ControllerRevision => "ControllerRevision",
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::Deployment => "Deployment",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
        }
    }

    /// `apiVersion` of manifests of this kind.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::ControllerRevision | Self::Deployment => "apps/v1",
            Self::ConfigMap | Self::Service => "v1",
            Self::PodDisruptionBudget => "policy/v1",
        }
    }
}

/// An object as we want it.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The whole manifest.
    pub manifest: Value,
}

impl Child {
    /// The same with the epoch of its role on it.
    pub(crate) fn stamped(mut self, epoch: i64) -> Self {
        if let Some(labels) = self.manifest.pointer_mut("/metadata/labels") {
            set(labels, names::EPOCH, epoch.to_string().into());
        }
        self
    }
}

/// An existing object, pinned to the state in which it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Identity: stops a write to a namesake.
    pub uid: String,
    /// State: stops a write on stale knowledge.
    pub resource_version: String,
}

/// What holds the name of a child that could not be made.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// The child: an answer was lost, and the watch is late.
    Made,
    /// The child, without the label by which it is found: this puts it back.
    Lost(Request),
    /// What is none of the release's, or on its way out.
    Foreign,
}

/// One write to the API server. Each that touches an existing object carries its uid and
/// resourceVersion: a leader that was replaced is refused with 409.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// POST: refused with 409 if the name is taken.
    Create(Child),
    /// Server-side apply, forced, of an object of ours that drifted.
    Apply {
        /// The object as it was seen.
        target: Target,
        /// What it should be.
        child: Child,
    },
    /// Marks a child with its role's epoch (metadata only), so that a delete or a scale that a deposed
    /// leader still has in hand fails.
    Stamp {
        /// The child.
        target: Target,
        /// Its role's epoch.
        epoch: i64,
    },
    /// Puts back the label by which the release's children are found.
    Reclaim(Target),
    /// Points a live Service to a colour.
    Flip {
        /// The live Service.
        target: Target,
        /// Name of the service, for figures.
        service: String,
        /// Where to.
        colour: Colour,
        /// The journal's epoch.
        epoch: i64,
        /// JSON merge patch of selector and epoch; foreign selector keys are null in it.
        patch: Value,
        /// Field managers beside ours whose selector it is now.
        from: Vec<String>,
    },
    /// Deletes an object of ours.
    Delete(Target),
}

/// As a person reads it. What is tried otherwise after a refusal is another request.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, kind, name) = (self.verb(), self.kind().as_str(), self.name());
        write!(f, "{verb} {kind} {name}")?;
        match self {
            Self::Flip { colour, .. } => write!(f, " to {colour}"),
            _ => match self.address() {
                Some(address) => write!(f, " with address {address}"),
                None => Ok(()),
            },
        }
    }
}

/// The verbs of requests from one list, so that none is missing where all are needed.
macro_rules! verbs {
    ($($request:pat => $verb:literal,)+) => {
        impl Request {
            /// All verbs.
            pub const VERBS: &[&str] = &[$($verb),+];

            /// The verb, as a metric label.
            #[must_use]
            pub const fn verb(&self) -> &'static str {
                match self { $($request => $verb,)+ }
            }
        }
    };
}

verbs! {
    Request::Create(_) => "create",
    Request::Apply { .. } => "apply",
    Request::Stamp { .. } => "stamp",
    Request::Reclaim(_) => "reclaim",
    Request::Flip { .. } => "flip",
    Request::Delete(_) => "delete",
}

impl Request {
    /// The address that a live Service is to be made with, which another may have for a moment longer.
    pub(crate) fn address(&self) -> Option<&str> {
        match self {
            Self::Create(child) => child.manifest.pointer("/spec/clusterIP")?.as_str(),
            _ => None,
        }
    }

    /// What it rests on: on children too if it moves clients or takes something away.
    #[must_use]
    pub(crate) fn reads(&self) -> Reads {
        let readiness = Reads::of(Children::Readiness);
        match self {
            Self::Delete(_) => Reads::EVERYTHING,
            Self::Flip { .. } => readiness,
            Self::Create(_) if self.flips().is_some() => Reads::RELEASE.and(readiness),
            // Pods that a pinned Service leads to may still call each other through it.
            Self::Apply { target, .. } if target.kind == Kind::Service => {
                Reads::RELEASE.and(readiness)
            }
            Self::Create(_) | Self::Apply { .. } | Self::Stamp { .. } | Self::Reclaim(_) => {
                Reads::RELEASE
            }
        }
    }

    /// What holds the name of a POST that was refused for it.
    #[must_use]
    pub fn standing(&self, object: &impl ResourceExt) -> Standing {
        let Self::Create(child) = self else {
            return Standing::Foreign;
        };
        let of_child = |at| child.manifest.pointer(at);
        let owner = of_child("/metadata/ownerReferences/0/uid").and_then(Value::as_str);
        let is_ours = owner.is_some() && controller_of(object).map(|o| o.uid.as_str()) == owner;
        if !is_ours || object.meta().deletion_timestamp.is_some() {
            return Standing::Foreign;
        }
        let label = of_child("/metadata/labels").and_then(|labels| labels.get(names::RELEASE));
        let found = object.labels().get(names::RELEASE).map(String::as_str);
        if label.and_then(Value::as_str) == found {
            Standing::Made
        } else {
            Standing::Lost(Self::Reclaim(target(child.kind, object)))
        }
    }

    /// The service whose live Service this points to a colour, and the epoch.
    #[must_use]
    pub fn flips(&self) -> Option<(&str, i64)> {
        match self {
            Self::Flip { service, epoch, .. } => Some((service, *epoch)),
            Self::Create(child) => {
                let annotations = child.manifest.pointer("/metadata/annotations")?;
                let epoch = annotations.get(names::EPOCH)?.as_str()?.parse().ok()?;
                let labels = child.manifest.pointer("/metadata/labels")?;
                Some((labels.get(names::SERVICE)?.as_str()?, epoch))
            }
            _ => None,
        }
    }

    /// What is remembered once it was answered, if it points a live Service to a colour: for which service.
    #[must_use]
    pub fn flipped(&self, at: Timestamp) -> Option<(String, Flipped)> {
        let (service, epoch) = self.flips()?;
        let from = match self {
            Self::Flip { from, .. } => from.clone(),
            _ => Vec::new(),
        };
        Some((service.to_owned(), Flipped { epoch, at, from }))
    }

    /// Kind of the object.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Create(child) => child.kind,
            Self::Apply { target, .. }
            | Self::Stamp { target, .. }
            | Self::Flip { target, .. }
            | Self::Reclaim(target)
            | Self::Delete(target) => target.kind,
        }
    }

    /// Name of the object.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Create(child) => &child.name,
            Self::Apply { target, .. }
            | Self::Stamp { target, .. }
            | Self::Flip { target, .. }
            | Self::Reclaim(target)
            | Self::Delete(target) => &target.name,
        }
    }
}
