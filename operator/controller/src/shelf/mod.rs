//! What is known of one kind of children, by release. Watches, lists and the answers to our own writes all
//! tell of it, in any order; of two states of an object the `resourceVersion` says which is the newer one.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use changeover_crds::{ExchangeRelease, names};
use changeover_engine::Target;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};

/// What is kept of a release that nobody works on.
pub type Watched = PartialObjectMeta<ExchangeRelease>;
/// The release that an object belongs to.
pub type Release = ObjectRef<Watched>;

/// How long a deletion is remembered, so that a list or a watch that is late does not undo it. A call is
/// over much sooner.
const GONE: Duration = Duration::from_secs(60);

/// The objects of one kind.
pub struct Shelf<K> {
    /// Leaves out of an object what is not needed.
    slim: fn(&mut K),
    contents: Mutex<Contents<K>>,
}

/// A moment in what a shelf has learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

struct Contents<K> {
    releases: HashMap<Release, BTreeMap<String, Held<K>>>,
    /// Deleted objects by uid, each with its last version.
    gone: HashMap<String, (u128, Instant)>,
    now: Moment,
    /// When the list that a watch begins with was sent.
    init: Moment,
    is_filled: bool,
}

struct Held<K> {
    object: Arc<K>,
    /// When a list or a newer state last showed it.
    shown: Moment,
}

impl<K> Shelf<K> {
    pub fn new(slim: fn(&mut K)) -> Self {
        Self {
            slim,
            contents: Mutex::new(Contents {
                releases: HashMap::new(),
                gone: HashMap::new(),
                now: Moment(0),
                init: Moment(0),
                is_filled: false,
            }),
        }
    }
}

impl<K: Resource<DynamicType = ()> + Clone + PartialEq> Shelf<K> {
    /// Whether a watch has shown all there is.
    pub fn is_filled(&self) -> bool {
        self.lock().is_filled
    }

    /// What is known of a release, by name.
    pub fn of(&self, release: &Release) -> Vec<Arc<K>> {
        let contents = self.lock();
        let held = contents.releases.get(release);
        held.map(|held| held.values().map(|held| held.object.clone()).collect())
            .unwrap_or_default()
    }

    /// Takes what a watch says; the releases of which it is news.
    pub fn hear(&self, event: Event<K>) -> Vec<Release> {
        let event = event.modify(self.slim);
        let mut contents = self.lock();
        match event {
            Event::Apply(object) => contents.put(object, None).into_iter().collect(),
            Event::InitApply(object) => {
                let init = contents.init;
                contents.put(object, Some(init)).into_iter().collect()
            }
            Event::Delete(object) => {
                let uid = object.uid().unwrap_or_default();
                let (of, last) = (release_of(&object), version(&object));
                let taken = of.filter(|of| contents.take(of, &object.name_any(), &uid, last));
                taken.into_iter().collect()
            }
            Event::Init => {
                contents.init = contents.now;
                Vec::new()
            }
            Event::InitDone => {
                contents.is_filled = true;
                contents.drop_unshown()
            }
        }
    }

    /// Takes the answer to a write.
    pub fn learn(&self, mut object: K) {
        (self.slim)(&mut object);
        self.lock().put(object, None);
    }

    /// Takes that an object of a release was deleted in this state.
    pub fn remove(&self, release: &Release, deleted: &Target) {
        let last = number(&deleted.resource_version);
        self.lock().take(release, &deleted.name, &deleted.uid, last);
    }

    /// The moment before a list is sent.
    pub fn moment(&self) -> Moment {
        self.lock().now
    }

    /// Takes a list of all that a release has, which was sent after this moment.
    pub fn learn_all(&self, release: &Release, sent: Moment, objects: Vec<K>) {
        let mut contents = self.lock();
        for mut object in objects {
            (self.slim)(&mut object);
            contents.put(object, Some(sent));
        }
        if let Some(held) = contents.releases.get_mut(release) {
            held.retain(|_, held| held.shown > sent);
            if held.is_empty() {
                contents.releases.remove(release);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents<K>> {
        // A panic while learning leaves whole objects behind.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Resource<DynamicType = ()> + Clone + PartialEq> Contents<K> {
    /// Takes a state of an object, by itself or in a list that was sent after a moment; its release, if that
    /// is news. What was known before a list was sent gives way to it in any case: after a restore of the
    /// API server's database, versions begin anew.
    fn put(&mut self, mut object: K, listed: Option<Moment>) -> Option<Release> {
        let release = release_of(&object)?;
        let uid = object.uid().unwrap_or_default();
        let is_over = |(last, _): &(u128, Instant)| version(&object) <= *last;
        if self.gone.get(&uid).is_some_and(is_over) {
            return None;
        }
        self.now.0 += 1;
        let shown = self.now;
        let held = self.releases.entry(release.clone()).or_default();
        match held.entry(object.name_any()) {
            Entry::Vacant(place) => {
                let object = compact(&object);
                place.insert(Held { object, shown });
                Some(release)
            }
            Entry::Occupied(mut place) => {
                let held = place.get_mut();
                let (old, new) = (version(&*held.object), version(&object));
                let gives_way = listed.is_some_and(|sent| held.shown <= sent);
                let is_newer = new > old || (gives_way && new != old);
                if is_newer || listed.is_some() {
                    held.shown = shown;
                }
                let is_news = is_newer && !is_same(&*held.object, &mut object);
                if is_newer {
                    held.object = compact(&object);
                }
                is_news.then_some(release)
            }
        }
    }

    /// Takes that an object is gone, whose last state was this; whether that is news.
    fn take(&mut self, release: &Release, name: &str, uid: &str, last: u128) -> bool {
        self.gone.retain(|_, (_, since)| since.elapsed() < GONE);
        self.gone.insert(uid.to_owned(), (last, Instant::now()));
        let Some(held) = self.releases.get_mut(release) else {
            return false;
        };
        let is_it = |held: &Held<K>| {
            held.object.meta().uid.as_deref() == Some(uid) && version(&*held.object) <= last
        };
        let is_news = held.get(name).is_some_and(is_it) && held.remove(name).is_some();
        if held.is_empty() {
            self.releases.remove(release);
        }
        is_news
    }

    /// Drops what the list that a watch began with did not show.
    fn drop_unshown(&mut self) -> Vec<Release> {
        let init = self.init;
        let mut poorer = Vec::new();
        self.releases.retain(|release, held| {
            let had = held.len();
            held.retain(|_, held| held.shown > init);
            if held.len() < had {
                poorer.push(release.clone());
            }
            !held.is_empty()
        });
        poorer
    }
}

/// A copy has exactly the room that it needs; what was parsed and then made slim still has that of what was
/// left out.
fn compact<K: Clone>(object: &K) -> Arc<K> {
    Arc::new(object.clone())
}

/// Whether two states of an object differ in nothing but the version.
fn is_same<K: Resource + PartialEq>(old: &K, new: &mut K) -> bool {
    let version = new.meta_mut().resource_version.take();
    new.meta_mut()
        .resource_version
        .clone_from(&old.meta().resource_version);
    let is_same = new == old;
    new.meta_mut().resource_version = version;
    is_same
}

fn release_of<K: Resource>(object: &K) -> Option<Release> {
    let name = object.labels().get(names::RELEASE)?;
    Some(ObjectRef::new(name).within(object.meta().namespace.as_deref()?))
}

pub fn version(object: &impl Resource) -> u128 {
    let version = object.meta().resource_version.as_deref();
    number(version.unwrap_or_default())
}

fn number(version: &str) -> u128 {
    version.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests;
