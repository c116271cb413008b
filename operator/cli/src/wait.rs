//! `wait`: what is waited for, and whether a release is there, on the way, or has ended otherwise.

use std::str::FromStr;

use changeover_crds::{ExchangeRelease, ExchangeReleaseStatus, Phase};
use jiff::SignedDuration;
use serde::Serialize;

use crate::args::Output;
use crate::exit::Exit;
use crate::follow::{Seen, follow};
use crate::problem::Problem;
use crate::session::Session;
use crate::view::{is_up_to_date, message, standing};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Clients use what the spec names, and it has been watched for `bake`.
    Live,
    /// The candidate passed its probes and journeys.
    Verified,
    /// A person is asked to approve.
    Approval,
    /// It was refused before any client saw it, or is a first release that failed with nothing to go back to.
    Rejected,
    /// Clients are back on the old colour.
    RolledBack,
    /// Nothing moves any more, however it ended.
    Settled,
    /// A condition has a status.
    Condition(String, String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "live" => Self::Live,
            "verified" => Self::Verified,
            "approval" => Self::Approval,
            "rejected" => Self::Rejected,
            "rolledback" => Self::RolledBack,
            "settled" => Self::Settled,
            _ => {
                let condition = text.strip_prefix("condition=").filter(|c| !c.is_empty());
                let (type_, status) = condition
                    .map(|c| c.split_once('=').unwrap_or((c, "True")))
                    .ok_or("live, verified, approval, rejected, rolledback, settled, or condition=TYPE[=STATUS]")?;
                Self::Condition(type_.to_owned(), status.to_owned())
            }
        })
    }
}

/// How the wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// It is there.
    Reached,
    /// It will not get there by itself.
    Otherwise,
    /// It is still on the way.
    TimedOut,
}

impl Ending {
    /// All of them, in the order of docs/plugin.md.
    pub const ALL: [Self; 3] = [Self::Reached, Self::Otherwise, Self::TimedOut];

    /// The exit code for it.
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::Reached => Exit::Done,
            Self::Otherwise => Exit::Otherwise,
            Self::TimedOut => Exit::TimedOut,
        }
    }
}

/// What `-o json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    release: &'a str,
    namespace: &'a str,
    outcome: Ending,
    phase: Option<Phase>,
    message: String,
}

/// Whether a release is there; `None` while it is on the way.
#[must_use]
pub fn judge(target: &Target, release: &ExchangeRelease) -> Option<Ending> {
    let status = release.status.as_ref()?;
    if let Target::Condition(type_, wanted) = target {
        let condition = status
            .conditions
            .iter()
            .find(|c| c.type_.eq_ignore_ascii_case(type_))?;
        let generation = condition.observed_generation.or(status.observed_generation);
        let holds = condition.status.eq_ignore_ascii_case(wanted);
        return (holds && generation == release.metadata.generation).then_some(Ending::Reached);
    }
    // What stands there speaks of an older spec, or a request is on its way.
    if !is_up_to_date(release) {
        return None;
    }
    if is_invalid(status) {
        return Some(Ending::Otherwise);
    }
    let live = status.live.as_ref();
    let is_new_live = live.is_some_and(|live| live.version == release.spec.version);
    let rejected = status.rejected.as_ref();
    let is_refused = rejected.is_some_and(|rejected| rejected.version == release.spec.version);
    Some(match (target, status.phase?) {
        (Target::Settled, Phase::Rejected | Phase::RolledBack)
        | (Target::Rejected, Phase::Rejected)
        | (Target::RolledBack, Phase::RolledBack) => Ending::Reached,
        // It was another version that ended so: `Live` follows.
        (_, Phase::Rejected | Phase::RolledBack) if is_new_live && !is_refused => return None,
        (_, Phase::Rejected | Phase::RolledBack) => Ending::Otherwise,
        (Target::Verified, Phase::AwaitingApproval | Phase::Switching) => Ending::Reached,
        (Target::Approval, Phase::AwaitingApproval) if status.approval.is_none() => Ending::Reached,
        (Target::Approval, Phase::AwaitingApproval | Phase::Switching) => Ending::Otherwise,
        // What is said of the live colour below would be said of an older version.
        _ if !is_new_live => return None,
        (Target::Live | Target::Settled | Target::Verified, Phase::Live | Phase::Warm)
        | (Target::Verified, Phase::Baking) => Ending::Reached,
        (Target::Approval, Phase::Baking | Phase::Live | Phase::Warm)
        | (Target::Rejected, Phase::Live | Phase::Warm)
        // There is a way back as long as the old colour is warm.
        | (Target::RolledBack, Phase::Live) => Ending::Otherwise,
        _ => return None,
    })
}

/// The operator waits for another spec.
fn is_invalid(status: &ExchangeReleaseStatus) -> bool {
    let stalled = status.conditions.iter().find(|c| c.type_ == "Stalled");
    stalled.is_some_and(|c| c.status == "True" && c.reason == "InvalidSpec")
}

pub(crate) async fn run(
    session: &Session,
    name: &str,
    target: &Target,
    timeout: SignedDuration,
) -> Result<Exit, Problem> {
    let first = session.release(name).await?;
    // However short the wait is, it looks once.
    let (ending, release) = match judge(target, &first) {
        Some(ending) => (ending, first),
        None => wait(session, first, name, target, timeout).await?,
    };
    let report = report(session, name, &release, ending, timeout);
    match session.output {
        Output::Json => crate::write_json(&report, false)?,
        Output::Text => crate::write(&format!("{}\n", report.message))?,
    }
    Ok(ending.exit())
}

/// How the wait for a release ends that was on the way at first, and the release as it is then.
async fn wait(
    session: &Session,
    first: ExchangeRelease,
    name: &str,
    target: &Target,
    timeout: SignedDuration,
) -> Result<(Ending, ExchangeRelease), Problem> {
    let judged = follow(session, name, timeout, |now| {
        judge(target, now).map(|ending| (ending, now.clone()))
    });
    Ok(match judged.await? {
        Seen::Judged(judged) => judged,
        Seen::TimedOut(last) => (Ending::TimedOut, last.map_or(first, |last| *last)),
    })
}

fn report<'a>(
    session: &'a Session,
    name: &'a str,
    release: &ExchangeRelease,
    ending: Ending,
    timeout: SignedDuration,
) -> Report<'a> {
    let none = ExchangeReleaseStatus::default();
    let status = release.status.as_ref().unwrap_or(&none);
    let word = match ending {
        Ending::Reached => String::new(),
        Ending::Otherwise => "not reached: ".to_owned(),
        Ending::TimedOut => format!("not reached within {timeout:#}: "),
    };
    let said = match message(status) {
        "" => String::new(),
        said => format!("; {said}"),
    };
    Report {
        release: name,
        namespace: &session.namespace,
        outcome: ending,
        phase: status.phase,
        message: format!("{word}{}{said}", standing(status)),
    }
}
