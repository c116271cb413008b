//! What was worked out before, of what cannot have changed since. It makes decisions cheaper, and never others.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use changeover_crds::{ExchangeRelease, ResourceExt};
use k8s_openapi::api::apps::v1::ControllerRevision;

use crate::hash::{checks_of, revision_of};
use crate::invalid::{confused, invalid, moved};
use crate::observation::Observation;
use crate::revision::StoredRevision;
use crate::world::{each, is_of};

/// Findings that are kept. A release in motion makes some hundred; what is found again is noted again.
const FINDINGS: usize = 512;

/// What was worked out for one release. Whoever keeps it may lose it at any time.
#[derive(Debug, Default)]
pub struct Memo(Mutex<Worked>);

type Generation = (Option<String>, i64);

#[derive(Clone, Debug, Default)]
struct Worked {
    /// Versions of children, each with what it was compared to and had all of.
    right: HashSet<u64>,
    /// By the release's uid and generation, which changes with the spec.
    spec: Option<(Generation, Arc<SpecFacts>)>,
}

/// A stored revision that stands in the cluster.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Of its object.
    pub(crate) uid: String,
    pub(crate) revision: StoredRevision,
}

impl Stored {
    fn of(object: &ControllerRevision) -> Option<Self> {
        Some(Self {
            uid: object.uid()?,
            revision: StoredRevision::of(object)?,
        })
    }
}

/// What follows from a spec.
#[derive(Clone, Debug)]
pub(crate) struct SpecFacts {
    /// The revision that it names.
    pub(crate) revision: String,
    /// Hash of its smoke probes and journeys.
    pub(crate) checks: String,
    /// Why it cannot be carried out, where only we can see it.
    pub(crate) invalid: Option<String>,
}

/// What follows from the documents of an observation, read once a decision at most: almost every question needs
/// some of it.
pub struct Facts {
    /// Of the spec, and whether it can be carried out beside what stands.
    pub(crate) spec: Arc<SpecFacts>,
    /// The stored revisions of this release that can be read, by the names of their objects.
    pub(crate) stored: BTreeMap<String, Stored>,
}

impl Facts {
    /// What follows from the spec alone is worked out once; stored revisions are much to keep.
    #[must_use]
    pub fn of(obs: &Observation) -> Self {
        let ours = each(&obs.revisions).filter(|r| is_of(&obs.release, *r));
        let read = ours.filter_map(|object| Some((object.name_any(), Stored::of(object)?)));
        let stored = read.collect();
        let mut spec = obs.memo.spec(&obs.release);
        let beside =
            || confused(&obs.release, &spec.revision, &stored).or_else(|| moved(obs, &stored));
        if spec.invalid.is_none()
            && let Some(why) = beside()
        {
            Arc::make_mut(&mut spec).invalid = Some(why);
        }
        Self { spec, stored }
    }
}

impl Memo {
    pub(crate) fn spec(&self, release: &ExchangeRelease) -> Arc<SpecFacts> {
        let spec = &release.spec;
        let work_out = || {
            Arc::new(SpecFacts {
                revision: revision_of(spec),
                checks: checks_of(spec),
                invalid: invalid(spec),
            })
        };
        let Some(generation) = release.metadata.generation else {
            return work_out();
        };
        let of = (release.uid(), generation);
        let mut worked = self.lock();
        let known = worked.spec.take().filter(|(known, _)| *known == of);
        let (_, facts) = worked
            .spec
            .insert(known.unwrap_or_else(|| (of, work_out())));
        facts.clone()
    }

    /// Whether a version of an object was found to have all that these inputs make of it.
    pub(crate) fn is_right(&self, object: &impl ResourceExt, inputs: &impl Hash) -> bool {
        self.lock().right.contains(&finding(object, inputs))
    }

    /// Notes that it was.
    pub(crate) fn found_right(&self, object: &impl ResourceExt, inputs: &impl Hash) {
        let right = &mut self.lock().right;
        if right.len() >= FINDINGS {
            right.clear();
        }
        right.insert(finding(object, inputs));
    }

    fn lock(&self) -> MutexGuard<'_, Worked> {
        // A panic in between leaves whole findings behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Memo {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.lock().clone()))
    }
}

/// What an object is as far as we write it, and what it is compared to. Its version says the first; where changes
/// of its spec are counted, these do, and a change of its status does not matter.
fn finding(object: &impl ResourceExt, inputs: &impl Hash) -> u64 {
    let mut sum = DefaultHasher::new();
    let meta = object.meta();
    (&meta.uid, inputs).hash(&mut sum);
    match meta.generation {
        Some(generation) => (generation, &meta.labels).hash(&mut sum),
        None => meta.resource_version.hash(&mut sum),
    }
    for owner in object.owner_references() {
        let is = (owner.controller, owner.block_owner_deletion);
        (&owner.api_version, &owner.kind, &owner.name, &owner.uid, is).hash(&mut sum);
    }
    sum.finish()
}
