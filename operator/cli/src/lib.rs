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

use std::io::Write;

pub use args::{Ask, Cli, Command, Connection, Output};
pub use exit::Exit;
pub use problem::Problem;
use session::Session;

/// Does what the command line asks for.
///
/// # Errors
/// Why it was not done; the exit code is [`Problem::exit`].
pub async fn run(cli: Cli) -> Result<Exit, Problem> {
    use ask::Verb;
    let session = Session::connect(&cli.connection, cli.output).await?;
    let ask = |verb, ask| ask::run(&session, verb, ask);
    match cli.command {
        Command::Get { name, watch } => screen::get(&session, &name, watch).await,
        Command::Promote {
            revision,
            ask: what,
        } => ask(Verb::Promote(revision), what).await,
        Command::Abort(what) => ask(Verb::Abort, what).await,
        Command::Rollback(what) => ask(Verb::Rollback, what).await,
        Command::Retry(what) => ask(Verb::Retry, what).await,
        Command::Pause(what) => ask(Verb::Pause, what).await,
        Command::Resume(what) => ask(Verb::Resume, what).await,
        Command::History { name } => screen::history(&session, &name).await,
        Command::Wait {
            name,
            target,
            timeout,
        } => wait::run(&session, &name, &target, timeout).await,
    }
}

/// Writes a line, or a screen.
fn write(text: &str) -> Result<(), Problem> {
    let mut out = std::io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Problem::Output(error.to_string()))
}

/// Writes a document as JSON, on lines of its own.
fn write_json(document: &impl serde::Serialize, on_one_line: bool) -> Result<(), Problem> {
    let text = if on_one_line {
        serde_json::to_string(document)
    } else {
        serde_json::to_string_pretty(document)
    };
    let text = text.map_err(|error| Problem::Output(error.to_string()))?;
    write(&format!("{text}\n"))
}
