//! `kubectl exr`: what a release does, and what people ask of it. It reads what the person may read, and
//! writes annotations; it decides nothing about releases, and knows nothing that is not in the API.
//!
//! A release and its pods become a [`view::View`], a view becomes text or JSON: both steps are pure. The
//! files that speak to the API server are `session`, `follow` and `screen`.

mod args;
pub mod ask;
mod exit;
mod follow;
mod problem;
mod screen;
mod session;
pub mod text;
pub mod view;
pub mod wait;

use std::io::{IsTerminal, Write};

pub use args::{Ask, Cli, Command, Connection, Output};
pub use exit::Exit;
pub use problem::Problem;
pub use session::Session;

/// Does what the command line asks for.
///
/// # Errors
/// Why it was not done; the exit code is [`Problem::exit`].
pub async fn run(cli: Cli) -> Result<Exit, Problem> {
    let mut session = Session::connect(&cli.connection).await?;
    session.output = cli.output;
    session.terminal = std::io::stdout().is_terminal();
    let mut out = std::io::stdout();
    carry_out(&session, &cli.command, &mut out).await
}

/// Carries out a command over a connection; what it finds is written to `out`.
///
/// # Errors
/// Why it was not done.
pub async fn carry_out(
    session: &Session,
    command: &Command,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Problem> {
    use ask::Verb;
    match command {
        Command::Get { name, watch } => screen::get(session, name, *watch, out).await,
        Command::Promote { revision, ask } => {
            ask::run(session, &Verb::Promote(revision.clone()), ask, out).await
        }
        Command::Abort(ask) => ask::run(session, &Verb::Abort, ask, out).await,
        Command::Rollback(ask) => ask::run(session, &Verb::Rollback, ask, out).await,
        Command::Retry(ask) => ask::run(session, &Verb::Retry, ask, out).await,
        Command::Pause(ask) => ask::run(session, &Verb::Pause, ask, out).await,
        Command::Resume(ask) => ask::run(session, &Verb::Resume, ask, out).await,
        Command::History { name } => screen::history(session, name, out).await,
        Command::Wait {
            name,
            target,
            timeout,
        } => wait::run(session, name, target, *timeout, out).await,
    }
}

/// Writes a line, or a screen.
fn write(out: &mut (dyn Write + Send), text: &str) -> Result<(), Problem> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Problem::Output(error.to_string()))
}

/// Writes a document as JSON, on lines of its own.
fn write_json(
    out: &mut (dyn Write + Send),
    document: &impl serde::Serialize,
    on_one_line: bool,
) -> Result<(), Problem> {
    let text = if on_one_line {
        serde_json::to_string(document)
    } else {
        serde_json::to_string_pretty(document)
    };
    let text = text.map_err(|error| Problem::Output(error.to_string()))?;
    write(out, &format!("{text}\n"))
}
