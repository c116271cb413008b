//! What is known of the release as a whole.

use changeover_crds::{ColourStatus, DrainStatus, Phase, SwitchStatus, names};
use jiff::Timestamp;

use super::{ago, left, millis, padded, phase};
use crate::view::{self, Approval, Pause, Role, View, candidate_role};

/// One fact to a line.
pub(super) fn lines(view: &View, now: Timestamp) -> String {
    let status = &view.status;
    let live = status.live.as_ref().map(role);
    let message = view::message(status).to_owned();
    let facts = [
        ("Release", Some(release(view))),
        ("Phase", Some(phase_line(view, now))),
        (
            "Live",
            Some(live.unwrap_or_else(|| "nothing yet".to_owned())),
        ),
        (candidate_word(view), status.candidate.as_ref().map(role)),
        ("Warm", status.warm.as_ref().map(role)),
        ("Gate", Some(gate(view, now))),
        ("Time left", time_left(view)),
        (
            "Switch",
            status.switch.as_ref().map(|s| switch(view, s, now)),
        ),
        ("Drain", drain_of_switch(view).map(|d| drain(d, now))),
        ("Message", Some(message).filter(|m| !m.is_empty())),
    ];
    let known = facts
        .into_iter()
        .filter_map(|(word, fact)| Some((word, fact?)));
    known
        .map(|(word, fact)| format!("{word:<10} {fact}\n"))
        .collect()
}

fn release(view: &View) -> String {
    let seen = if view.up_to_date {
        ""
    } else {
        "; the operator has not seen the newest spec or request yet"
    };
    format!(
        "{} in namespace {}, wants {}{seen}",
        view.name, view.namespace, view.version
    )
}

fn phase_line(view: &View, now: Timestamp) -> String {
    let since = view.status.phase_since.as_ref();
    let lasted = since.map_or_else(String::new, |since| format!(" for {}", ago(since.0, now)));
    let mut conditions = view.status.conditions.iter();
    let ready = match conditions.find(|c| c.type_ == "Ready") {
        Some(ready) if ready.status == "True" => ", Ready".to_owned(),
        Some(ready) => format!(", not Ready ({})", ready.reason),
        None => String::new(),
    };
    format!("{}{lasted}{ready}", phase(view))
}

fn candidate_word(view: &View) -> &'static str {
    match candidate_role(&view.status) {
        Role::Rejected => "Rejected",
        _ => "Candidate",
    }
}

fn role(role: &ColourStatus) -> String {
    let revision = names::short_revision(&role.revision);
    format!(
        "{}  {}  revision {revision}",
        padded(role.colour),
        role.version
    )
}

fn gate(view: &View, now: Timestamp) -> String {
    let (name, status) = (&view.name, &view.status);
    let candidate = status.candidate.as_ref();
    let candidate = candidate.map_or_else(String::new, |c| names::short_revision(&c.revision));
    let approval = match (view.gate.approval, &status.approval) {
        (_, Some(given)) => format!(
            "{} approved by {} ({}) {} ago",
            names::short_revision(&given.revision),
            given.by.as_deref().unwrap_or("nobody named"),
            given.approver,
            ago(given.at.0, now)
        ),
        (Approval::NotAsked, _) => "no approval asked for".to_owned(),
        (Approval::OnceVerified, _) => format!("approval of {candidate} once it is verified"),
        (Approval::Waiting, _) => {
            format!("waits for an approval of {candidate}: kubectl exr promote {name}")
        }
        (Approval::NextRelease | Approval::Given, _) => "approval by a person".to_owned(),
    };
    let baking = match status.phase {
        Some(Phase::Baking) => "; baking",
        _ => "",
    };
    let since = status.paused_since.as_ref();
    let paused = since.map_or_else(String::new, |since| ago(since.0, now));
    let pause = match view.gate.pause {
        Pause::Off => String::new(),
        Pause::Asked => "; about to pause".to_owned(),
        Pause::On => format!("; paused for {paused}: kubectl exr resume {name}"),
        Pause::Ending => "; about to go on".to_owned(),
    };
    format!("{approval}{baking}{pause}")
}

fn time_left(view: &View) -> Option<String> {
    let deadline = view.deadline.as_ref()?;
    let still = if deadline.stands_still {
        " (stands still while paused)"
    } else {
        ""
    };
    let left = left(deadline.seconds_left);
    Some(format!("{left}, then {}{still}", deadline.then))
}

fn switch(view: &View, switch: &SwitchStatus, now: Timestamp) -> String {
    let from = switch.from.map_or("nothing", |colour| colour.as_str());
    let way = format!("#{} {from} → {}", switch.epoch, switch.to);
    let moving = matches!(
        view.status.phase,
        Some(Phase::Switching | Phase::RollingBack)
    );
    match &switch.finished_at {
        Some(finished) if !moving => format!(
            "{way} {} ago, took {}, widest gap {}{}",
            ago(finished.0, now),
            millis(switch.switch_millis),
            millis(switch.skew_millis),
            marks(switch, false)
        ),
        _ => format!(
            "{way}, begun {} ago{}",
            ago(switch.started_at.0, now),
            marks(switch, true)
        ),
    }
}

/// Each Service with a mark; once all have arrived only those that someone moved off since.
fn marks(switch: &SwitchStatus, moving: bool) -> String {
    let shown = switch.services.iter().filter(|s| moving || !s.switched);
    let marks: Vec<String> = shown
        .map(|service| {
            let mark = if service.switched { "✓" } else { "·" };
            format!("{mark} {}", service.name)
        })
        .collect();
    if marks.is_empty() {
        return String::new();
    }
    format!(": {}", marks.join("  "))
}

/// That of an older switch is no news.
fn drain_of_switch(view: &View) -> Option<&DrainStatus> {
    let epoch = view.status.switch.as_ref()?.epoch;
    view.status.drain.as_ref().filter(|d| d.epoch == epoch)
}

fn drain(drain: &DrainStatus, now: Timestamp) -> String {
    let (colour, began) = (drain.colour, drain.started_at.0);
    match (&drain.ended_at, drain.ended_by) {
        (Some(ended), Some(by)) => {
            let took = ago(began, ended.0);
            format!("clients left {colour} in {took} ({by:?})")
        }
        _ => format!("clients leave {colour}, since {}", ago(began, now)),
    }
}
