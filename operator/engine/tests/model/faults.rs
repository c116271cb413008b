//! What can go wrong while one batch of requests is carried out.

use changeover_kubernetes_model::KINDS;

use super::api::CHANGES;
use super::story::Point;

/// The kind of which no state is shown that is older than what the operator knows.
const RELEASE: &str = "ExchangeRelease";
/// Answers that mean "not now" or "not so".
const REFUSALS: [u16; 6] = [409, 410, 422, 429, 500, 503];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies; the requests whose bits are set were carried out.
    Crash(u32),
    /// The request of this index is refused with this code, the others are carried out.
    Refused(usize, u16),
    /// No answer to the request of this index, which was carried out or not.
    NoAnswer(usize, bool),
    /// The cluster moves on between what was read and what follows from that: no answer is of this moment.
    Outrun,
    /// The process is stopped before it sends, replaced, and sends after so many passes of the other.
    Suspended(u32),
    /// Each kind is seen as it was so many states ago: each has a watch of its own.
    Stale([usize; KINDS.len()]),
    /// A watch tells of the change so many before the last one after those that followed it.
    Swapped(usize),
}

impl Fault {
    /// Every crash at this point.
    pub fn crashes(point: &Point) -> impl Iterator<Item = Self> {
        let asking = point.asks.then_some(Self::Crash(0));
        subsets(point.requests)
            .into_iter()
            .map(Self::Crash)
            .chain(asking)
    }

    /// Everything that can happen to a batch of this many requests.
    pub fn of_writing(requests: usize) -> Vec<Self> {
        if requests == 0 {
            return Vec::new();
        }
        let mut faults: Vec<Self> = subsets(requests).into_iter().map(Self::Crash).collect();
        for index in 0..requests {
            faults.extend(REFUSALS.map(|code| Self::Refused(index, code)));
            faults.extend([false, true].map(|done| Self::NoAnswer(index, done)));
        }
        faults.extend([1, 2, 3, 4, 6, 9, 14].map(Self::Suspended));
        faults.push(Self::Outrun);
        faults
    }

    /// The crashes that these leave out; of a batch of more than twelve requests, so many evenly spread.
    pub fn further_crashes(requests: usize) -> Vec<Self> {
        const LIMIT: usize = 1 << 12;
        if requests == 0 {
            return Vec::new();
        }
        let tried = subsets(requests);
        // An odd stride: an even one would take no subset with the first request in it.
        let stride = (1_usize << requests).div_ceil(LIMIT) | 1;
        let all = (0..1_u32 << requests).step_by(stride);
        all.filter(|done| !tried.contains(done))
            .map(Self::Crash)
            .collect()
    }

    /// Everything that can happen at this point.
    pub fn every(point: &Point) -> Vec<Self> {
        let mut faults = Self::of_writing(point.requests);
        // Pods are asked again by whoever comes next: of what they are asked, only a crash can get lost.
        faults.extend(point.asks.then_some(Self::Crash(0)));
        let history = &point.world.api.history;
        for age in 1..=history.ages() {
            faults.push(Self::Stale([age; KINDS.len()]));
            faults.extend(Self::of_one_watch(point, age));
        }
        let is_swap = |back: &usize| point.world.api.without(*back).is_some();
        faults.extend((0..CHANGES).filter(is_swap).map(Self::Swapped));
        faults
    }

    /// One watch is so many states behind, and shows something else than if it were one less; or all are but that of
    /// the release.
    fn of_one_watch(point: &Point, age: usize) -> Vec<Self> {
        let history = &point.world.api.history;
        let Some(past) = history.ago(age) else {
            return Vec::new();
        };
        let shows = |at: &usize| KINDS[*at] != RELEASE || point.world.may_show(past);
        let changes = |age, kind: &'static str| history.ago(age).map(|store| store.changes(kind));
        let is_news = |at: &usize| changes(age, KINDS[*at]) != changes(age - 1, KINDS[*at]);
        let behind = |at: usize, its: usize, others: usize| {
            let mut ages = [others; KINDS.len()];
            ages[at] = its;
            Self::Stale(ages)
        };
        let watches = || (0..KINDS.len()).filter(shows);
        let late = watches().filter(is_news).map(|at| behind(at, age, 0));
        let is_old =
            |at: &usize| KINDS[*at] == RELEASE && changes(age, RELEASE) != changes(0, RELEASE);
        let but_one = watches().filter(is_old).map(|at| behind(at, 0, age));
        late.chain(but_one).collect()
    }

    /// Whether something old is seen.
    pub const fn is_of_reading(self) -> bool {
        matches!(self, Self::Stale(_) | Self::Swapped(_))
    }

    /// Whether a replaced leader's requests come late.
    pub const fn is_late(self) -> bool {
        matches!(self, Self::Suspended(_))
    }

    /// Whether the request of this index reaches the API server, and the answer where it is not its own.
    pub fn on(self, index: usize) -> (bool, Option<(u16, String)>) {
        match self {
            Self::Crash(done) => (done & (1 << index) != 0, None),
            Self::Refused(at, code) if at == index => {
                (false, Some((code, format!("refused with {code}"))))
            }
            Self::NoAnswer(at, done) if at == index => {
                (done, Some((0, "no answer within 5s".to_owned())))
            }
            _ => (true, None),
        }
    }
}

/// All subsets of up to four requests; of more, every prefix, every single one, and all but one. Of none, none.
fn subsets(requests: usize) -> Vec<u32> {
    if requests == 0 {
        return Vec::new();
    }
    let all = (1_u32 << requests) - 1;
    if requests <= 4 {
        return (0..=all).collect();
    }
    let prefixes = (0..=requests).map(|n| (1_u32 << n) - 1);
    let singles = (1..requests).map(|n| 1_u32 << n);
    let others = (0..requests - 1).map(|n| all & !(1_u32 << n));
    prefixes.chain(singles).chain(others).collect()
}
