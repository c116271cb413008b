//! Pods learn whether their colour is live: outward effects come from the live colour only.

use jiff::{SignedDuration, Timestamp};

use crate::drain::{admin_pods, question};
use crate::machine::Turn;
use crate::question::{AdminCall, Question, QuestionKey};
use crate::world::is_ready;
use changeover_crds::ResourceExt;

/// Pause between two attempts to tell a pod.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);

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
            let due = record.and_then(|r| r.last.checked_add(PAUSE).ok());
            match due.filter(|due| *due > turn.now) {
                Some(due) => next = Some(next.map_or(due, |n| n.min(due))),
                None => {
                    let call = AdminCall::Role { epoch, live };
                    questions.extend(question(turn, pod, port, key, call));
                }
            }
        }
    }
    (questions, next)
}
