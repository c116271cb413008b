//! What people ask for: annotations, with their own rights. The operator decides what comes of it.

mod answer;
mod plan;

use jiff::Timestamp;
use serde::Serialize;

pub use answer::{Answer, answer};
pub use plan::{Change, Plan, Verb, plan};

use crate::args::{self, Output};
use crate::exit::Exit;
use crate::follow::{Seen, follow};
use crate::problem::Problem;
use crate::session::Session;

/// What came of a request: what `-o json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Name of the release.
    pub release: String,
    /// Where it is.
    pub namespace: String,
    /// `promote`, `abort`, ...
    pub verb: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The same for people.
    pub message: String,
    /// Value of the annotation that was written.
    pub token: Option<String>,
    /// In whose name a promotion was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The operator does it.
    Taken,
    /// It was so before.
    Already,
    /// There was nothing to do.
    NothingToDo,
    /// Written; its effect was not waited for.
    Sent,
    /// Written; no operator has seen it in time.
    Unanswered,
}

impl Outcome {
    /// All of them, in the order of docs/plugin.md.
    pub const ALL: [Self; 5] = [
        Self::Taken,
        Self::Already,
        Self::NothingToDo,
        Self::Sent,
        Self::Unanswered,
    ];

    /// The exit code for it.
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::Taken | Self::Already | Self::Sent => Exit::Done,
            Self::NothingToDo => Exit::Otherwise,
            Self::Unanswered => Exit::TimedOut,
        }
    }
}

pub(crate) async fn run(session: &Session, verb: Verb, ask: args::Ask) -> Result<Exit, Problem> {
    let release = session.release(&ask.name).await?;
    let who = match verb {
        Verb::Promote(_) => session.whoami().await?,
        _ => None,
    };
    let report = |outcome, message, change: Option<&Change>| Report {
        release: ask.name.clone(),
        namespace: session.namespace.clone(),
        verb: verb.word(),
        outcome,
        message,
        token: change.and_then(|change| change.token.clone()),
        by: change.and_then(|change| change.by.clone()),
    };
    let report = match plan(&verb, &release, who.as_deref(), Timestamp::now()) {
        Plan::Already(message) => report(Outcome::Already, message, None),
        Plan::NothingToDo(message) => report(Outcome::NothingToDo, message, None),
        Plan::Refused(problem) => return Err(Problem::Refused(problem)),
        Plan::Send(change) => {
            let (outcome, message) = send(session, &verb, &ask, &change).await?;
            report(outcome, message, Some(&change))
        }
    };
    tell(session, &report)?;
    Ok(report.outcome.exit())
}

/// Writes the annotations, and waits until the operator has seen to them.
async fn send(
    session: &Session,
    verb: &Verb,
    ask: &args::Ask,
    change: &Change,
) -> Result<(Outcome, String), Problem> {
    let name = &ask.name;
    let before = session.patch(verb.word(), name, &change.patch()).await?;
    if ask.no_wait {
        let message = format!("{} of {name} asked for", verb.word());
        return Ok((Outcome::Sent, message));
    }
    let judged = follow(session, name, ask.timeout, |release| {
        answer(verb, change, &before, release)
    });
    let judged = judged
        .await
        .map_err(|problem| problem.after_writing(verb.word()))?;
    Ok(match judged {
        Seen::Judged(Answer::Taken(message)) => (Outcome::Taken, message),
        Seen::Judged(Answer::NothingToDo(message)) => (Outcome::NothingToDo, message),
        Seen::TimedOut(_) => (
            Outcome::Unanswered,
            format!(
                "{} of {name} is asked for, and no operator has seen it within {:#}: does one run (its Deployment, its log)? The request stands, and the next one carries it out",
                verb.word(),
                ask.timeout
            ),
        ),
    })
}

fn tell(session: &Session, report: &Report) -> Result<(), Problem> {
    match session.output {
        Output::Json => crate::write_json(report, false),
        Output::Text => crate::write(&format!("{}\n", report.message)),
    }
}
