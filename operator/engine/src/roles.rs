//! Pods learn whether their colour is live: outward effects come from the live colour only.

use jiff::{SignedDuration, Timestamp};

use crate::drain::{admin_pods, question};
use crate::machine::Turn;
use crate::question::{AdminCall, Question, QuestionKey};
use crate::world::is_ready;
use changeover_crds::ResourceExt;

/// Pause after a first attempt to tell a pod that failed. Each later one is twice as long, up to [`DOUBLINGS`]
/// times: a broken admin port must not keep the operator from other releases.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);
const DOUBLINGS: u8 = 6;

/// Tells every pod that runs, once per flip; when to try again where it could not be told.
pub(crate) fn tell(turn: &Turn<'_>) -> (Vec<Question>, Option<Timestamp>) {
    let (mut questions, mut next) = (Vec::new(), None::<Timestamp>);
    let Some(journal) = turn
        .next
        .switch
        .as_ref()
        .filter(|s| s.finished_at.is_some())
    else {
        return (questions, next);
    };
    let status = &turn.next;
    for role in [&status.live, &status.warm, &status.candidate]
        .into_iter()
        .flatten()
    {
        let live = status.live.as_ref() == Some(role);
        for (pod, port) in admin_pods(turn.world, role) {
            let Some(uid) = pod.uid().filter(|_| is_ready(pod)) else {
                continue;
            };
            let epoch = journal.epoch;
            let key = QuestionKey::Role {
                pod: uid,
                epoch,
                live,
            };
            let record = turn.world.obs.answers.get(&key);
            if record.is_some_and(|r| r.result.is_ok()) {
                continue;
            }
            let failed = record.map_or(0, |r| r.attempts);
            let pause = PAUSE * (1 << failed.saturating_sub(1).min(DOUBLINGS));
            let due = record.and_then(|r| r.last.checked_add(pause).ok());
            match due.filter(|due| *due > turn.now) {
                Some(due) => next = Some(next.map_or(due, |n| n.min(due))),
                None => {
                    let epoch = fence(turn, epoch);
                    let call = AdminCall::Role { epoch, live };
                    let asked = question(turn, pod, port, key, call);
                    questions.extend(asked.map(|q| Question {
                        attempt: failed.saturating_add(1),
                        ..q
                    }));
                }
            }
        }
    }
    (questions, next)
}

/// The epoch as pods keep it, in a database that outlives the release: of one that is deleted and created again epochs
/// begin anew, and must be later than all before. So it is counted from the milliseconds of its creation.
fn fence(turn: &Turn<'_>, epoch: i64) -> i64 {
    let created = turn.world.release().metadata.creation_timestamp.as_ref();
    created
        .map_or(0, |at| at.0.as_millisecond())
        .saturating_add(epoch)
}
