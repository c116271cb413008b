//! Clients leave the old colour: a lease on each of its pods, asserted again and again, lapsing by itself.
//! kube-proxy keeps established connections where they are, so the pods ask their clients to reconnect.

use changeover_crds::{ColourStatus, DrainEnd, DrainStatus, ResourceExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::machine::{Turn, after};
use crate::news::News;
use crate::question::{AdminCall, AdminTarget, Ask, Clients, Finding, Question, QuestionKey};
use crate::world::World;

/// Seconds until a lease lapses by itself.
const TTL: u16 = 15;
/// From one assertion of the lease to the next.
const RENEWAL: SignedDuration = SignedDuration::from_secs(3);
/// Longest time that a way back waits for pods to hear that they drain no more.
const PATIENCE: SignedDuration = SignedDuration::from_secs(1);
/// The last lease of a drain that ended so long ago has lapsed: a renewal that was under way then came with it.
const LAPSED: SignedDuration = SignedDuration::from_secs(TTL as i64 + 2);

/// The drain of the colour that clients just left.
pub(crate) fn begin(turn: &mut Turn<'_>, old: &ColourStatus, epoch: i64) {
    turn.next.drain = Some(DrainStatus {
        epoch,
        colour: old.colour,
        revision: old.revision.clone(),
        started_at: MicroTime(turn.now),
        ended_at: None,
        ended_by: None,
    });
}

/// A status that was lost may have held a drain of the colour that clients now go back to: as if it had been
/// ended for that, its pods are told that they drain no more.
pub(crate) fn presume_taken_back(turn: &mut Turn<'_>, to: &ColourStatus) {
    let epoch = turn.next.switch.as_ref().map_or(0, |s| s.epoch);
    begin(turn, to, epoch.saturating_sub(1));
    if let Some(drain) = &mut turn.next.drain {
        drain.ended_at = Some(drain.started_at.clone());
        drain.ended_by = Some(DrainEnd::TakenBack);
    }
}

/// Ends a drain that goes on.
pub(crate) fn end(turn: &mut Turn<'_>, by: DrainEnd) {
    if let Some(drain) = turn.next.drain.as_mut().filter(|d| d.ended_at.is_none()) {
        drain.ended_at = Some(MicroTime(turn.now));
        drain.ended_by = Some(by);
        let note = format!("the drain of {} ended: {by:?}", drain.colour);
        // Those it was taken back from, or that went with their colour, have not left.
        if !matches!(by, DrainEnd::TakenBack | DrainEnd::Superseded) {
            turn.tell(News::Drained, note);
        }
    }
}

/// The drain that goes on, and the role whose pods it is about.
fn current(turn: &Turn<'_>) -> Option<(DrainStatus, ColourStatus)> {
    let drain = turn.next.drain.clone().filter(|d| d.ended_at.is_none())?;
    let mut roles = turn.next.warm.iter().chain(&turn.next.candidate);
    let role = roles.find(|r| r.colour == drain.colour && r.revision == drain.revision)?;
    Some((drain, role.clone()))
}

/// Whether a drain still goes on.
pub(crate) fn goes_on(turn: &Turn<'_>) -> bool {
    current(turn).is_some()
}

/// Ends the drain if it is over; else says what to ask now, and when to look again.
pub(crate) fn advance(turn: &mut Turn<'_>) -> (Vec<Question>, Option<Timestamp>) {
    let Some((drain, role)) = current(turn) else {
        // Its colour is gone: whatever went on there is over.
        end(turn, DrainEnd::Unmeasured);
        return (Vec::new(), None);
    };
    let settings = turn.plan().drain;
    let deadline = after(drain.started_at.0, settings.deadline);
    let evidence = evidence(turn, &role, drain.epoch);
    if let Some(clients) = &evidence
        && clients.iter().all(|c| is_quiet(c, settings.quiet.into()))
    {
        end(turn, DrainEnd::Quiet);
        return (Vec::new(), None);
    }
    if turn.now >= deadline {
        let by = evidence.map_or(DrainEnd::Unmeasured, |_| DrainEnd::Deadline);
        end(turn, by);
        return (Vec::new(), None);
    }
    let mut next = deadline;
    let mut questions = Vec::new();
    for (pod, port) in admin_pods(turn.world, &role) {
        let Some(uid) = pod.uid() else { continue };
        let key = QuestionKey::Drain {
            pod: uid,
            epoch: drain.epoch,
        };
        let record = turn.world.obs.answers.get(&key);
        let due = record.and_then(|r| r.last.checked_add(RENEWAL).ok());
        if let Some(due) = due.filter(|due| *due > turn.now) {
            next = next.min(due);
            continue;
        }
        let call = AdminCall::Drain {
            epoch: drain.epoch,
            ttl: TTL,
        };
        questions.extend(question(turn, pod, port, key, call));
    }
    (questions, Some(next))
}

/// What every pod of a colour counts of its clients; `None` if one of them cannot be measured.
fn evidence(turn: &Turn<'_>, role: &ColourStatus, epoch: i64) -> Option<Vec<Clients>> {
    let stored = turn.world.stored(&role.revision)?;
    let measured = stored.services.iter().all(|s| s.admin_port.is_some());
    let counted = |pod: &Pod| {
        let pod = pod.uid()?;
        let record = turn
            .world
            .obs
            .answers
            .get(&QuestionKey::Drain { pod, epoch })?;
        match record.result {
            // Without a fresh answer nothing is known of the pod.
            Ok(Finding::Clients(clients))
                if turn.now.duration_since(record.last) < SignedDuration::from_secs(TTL.into()) =>
            {
                Some(clients)
            }
            _ => None,
        }
    };
    let pods = admin_pods(turn.world, role);
    measured.then(|| pods.iter().map(|(pod, _)| counted(pod)).collect())?
}

fn is_quiet(clients: &Clients, quiet: std::time::Duration) -> bool {
    let silent = clients
        .last_accepted_seconds_ago
        .and_then(|s| u64::try_from(s).ok());
    clients.in_flight == 0
        && clients.open_connections == 0
        && silent.is_none_or(|seconds| seconds >= quiet.as_secs())
}

/// Before traffic goes to a colour that was asked to drain: its pods are told that they drain no more, all
/// at once. What to ask, and until when to wait for the answers; never longer than [`PATIENCE`], and not at all
/// where every lease has lapsed by itself.
pub(crate) fn take_back(turn: &Turn<'_>, to: &ColourStatus) -> Option<(Vec<Question>, Timestamp)> {
    let drained = turn
        .next
        .drain
        .as_ref()
        .filter(|d| d.revision == to.revision)?;
    let epoch = turn.next.switch.as_ref().map_or(drained.epoch, |s| s.epoch);
    if drained.epoch >= epoch {
        return None;
    }
    let ended = drained.ended_at.as_ref().map_or(turn.now, |t| t.0);
    let since = turn.next.phase_since.as_ref().map_or(turn.now, |t| t.0);
    let [until, lapse] = [(since, PATIENCE), (ended, LAPSED)]
        .map(|(from, so_long)| from.checked_add(so_long).unwrap_or(turn.now));
    let mut questions = Vec::new();
    let mut waits = false;
    for (pod, port) in admin_pods(turn.world, to) {
        let Some(uid) = pod.uid() else { continue };
        let key = QuestionKey::Undrain { pod: uid, epoch };
        if turn.world.obs.answers.contains_key(&key) {
            continue;
        }
        waits = true;
        questions.extend(question(turn, pod, port, key, AdminCall::Undrain { epoch }));
    }
    // Whoever comes late to it still tells them, and does not wait.
    let goes_on = waits && turn.now < until.min(lapse) || !questions.is_empty();
    goes_on.then_some((questions, until))
}

/// Pods of a colour with an admin port, and that port. Those that never ran or run no more hold no client, and
/// answer nobody.
pub(crate) fn admin_pods<'a>(world: World<'a>, role: &ColourStatus) -> Vec<(&'a Pod, i32)> {
    let services = world.services(&role.revision);
    let ported = services
        .iter()
        .filter_map(|s| Some((s.name.clone(), s.admin_port?)));
    ported
        .flat_map(|(name, port)| {
            let pods: Vec<&Pod> = world.pods(&name, role).filter(|pod| runs(pod)).collect();
            pods.into_iter().map(move |pod| (pod, port))
        })
        .collect()
}

/// Whether a pod has an address, and its containers have not ended for good.
fn runs(pod: &Pod) -> bool {
    let Some(status) = &pod.status else {
        return false;
    };
    let is_over = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    status.pod_ip.is_some() && !is_over
}

/// A call of a pod's admin port, unless it is being asked already.
pub(crate) fn question(
    turn: &Turn<'_>,
    pod: &Pod,
    port: i32,
    key: QuestionKey,
    call: AdminCall,
) -> Option<Question> {
    if turn.world.obs.asking.contains(&key) {
        return None;
    }
    Some(Question {
        key,
        attempt: 1,
        ask: Ask::Admin(AdminTarget {
            pod: pod.name_any(),
            ip: pod.status.as_ref()?.pod_ip.clone()?,
            port,
            call,
        }),
    })
}
