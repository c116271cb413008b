//! What the API server refuses: what is put off for it, what goes back, and what is told.

use jiff::{SignedDuration, Timestamp};

use crate::decision::Request;
use crate::explain::quote;
use crate::flip::ADDRESS_REFUSED;
use crate::machine::Turn;
use crate::moves::Move;
use crate::observation::Failure;
use crate::reason::Reason;
use crate::world::World;

/// How long a refused repair of what clients use is tried again and again, before all else.
const PATIENCE: SignedDuration = SignedDuration::from_secs(2);
/// How long what should pass by itself may last before it counts as a refusal: an admission webhook may be away for good.
const OUTAGE: SignedDuration = SignedDuration::from_secs(30);
/// How long it then is put off each time: longer than two that hang, one after the other, are waited for.
const AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// A repair that is not tried for now.
#[derive(Debug)]
pub(crate) struct PutOff {
    pub(crate) until: Timestamp,
    /// How many kinds of repairs are looked at before.
    pub(crate) stage: usize,
    pub(crate) refusal: (Reason, String),
}

/// Why the API server refuses a request that is about to be sent again, with the reason that conditions
/// show for it. An overload or an outage passes by itself, unless it lasts, and is no refusal, nor is an address that
/// is still asked for.
pub(crate) fn refused(world: World<'_>, again: &[Request]) -> Option<(Reason, String)> {
    let failures = world.obs.failures.iter();
    let refused = failures.filter(|f| again.iter().any(|r| is_in_the_way(f, r)));
    // Of several always the same.
    let failure = refused.min_by_key(|f| &f.request)?;
    Some(in_words(failure))
}

/// A repair that has been refused for a while is put off, so that all else goes on without it: until when, and why.
pub(crate) fn put_off(turn: &Turn<'_>, repair: &Request) -> Option<PutOff> {
    let mut failures = turn.world.obs.failures.iter();
    let failure = failures.find(|f| is_in_the_way(f, repair))?;
    let lasts = failure.insisted() >= PATIENCE || failure.lasted() >= OUTAGE;
    let until = failure.last.checked_add(AGAIN).unwrap_or(Timestamp::MAX);
    (lasts && turn.now < until).then(|| PutOff {
        until,
        stage: turn.stage,
        refusal: in_words(failure),
    })
}

/// Which refusal is told, whether it is tried again now or later: before all one of what moves clients, then of what is
/// looked at first. So it is the same one, whichever is tried.
pub(crate) fn told(
    turn: &Turn<'_>,
    mv: &Move,
    sent: Option<(Reason, String)>,
) -> Option<(Reason, String)> {
    let moves = mv.requests().iter().any(|r| r.flips().is_some());
    // Where clients wait for a way back, that is told, with the causes.
    let is_held = matches!(
        turn.why.reason,
        Some(Reason::RollbackLate | Reason::BothColoursBroken | Reason::OldColourCannotServe)
    );
    if moves || is_held {
        return sent.filter(|_| moves);
    }
    let goes_on = sent.is_none() && !mv.requests().is_empty();
    let put_off = turn.put_off.iter().filter(|_| !goes_on);
    let put_off = put_off.map(|repair| (repair.stage, repair.refusal.clone()));
    let all = sent
        .map(|refusal| (turn.stage, refusal))
        .into_iter()
        .chain(put_off);
    let first = all.min_by(|(a, (_, one)), (b, (_, other))| (a, one).cmp(&(b, other)));
    first.map(|(_, refusal)| refusal)
}

/// Why a flip is refused, where it has been for a while: by a policy or a schema, which no further try changes.
pub(crate) fn refused_for_good(world: World<'_>, again: &[Request]) -> Option<String> {
    let mut flips = again.iter().filter(|r| matches!(r, Request::Flip { .. }));
    let failure = flips.find_map(|r| world.obs.failures.iter().find(|f| is_refusal(f, r)))?;
    (failure.insisted() >= PATIENCE).then(|| in_words(failure).1)
}

/// What was not carried out, and why, if the API server said so.
pub(crate) fn not_carried_out(world: World<'_>, requests: &[Request]) -> String {
    let requests: Vec<String> = requests.iter().map(ToString::to_string).collect();
    let failures = world.obs.failures.iter();
    failures
        .filter(|f| requests.contains(&f.request))
        .min_by_key(|f| &f.request)
        .map_or_else(
            || format!("not carried out: {}", requests.join(", ")),
            |failure| in_words(failure).1,
        )
}

fn is_refusal(failure: &Failure, request: &Request) -> bool {
    failure.is_final()
        && failure.is_of(request)
        && !(failure.code == ADDRESS_REFUSED && request.address().is_some())
}

/// A refusal, or what should have passed by itself and has not.
fn is_in_the_way(failure: &Failure, request: &Request) -> bool {
    let has_lasted = failure.lasted() >= OUTAGE && failure.is_of(request);
    has_lasted || is_refusal(failure, request)
}

fn in_words(failure: &Failure) -> (Reason, String) {
    let message = format!("{}: {}", failure.request, quote(&failure.message));
    match failure.code {
        409 => (
            Reason::NameTaken,
            format!("{message}, and it is not this release's: remove or rename it"),
        ),
        _ => (Reason::Refused, message),
    }
}
