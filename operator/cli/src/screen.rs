//! `get` and `history`: one screen, once or at every change.

use std::pin::pin;
use std::time::Duration;

use changeover_crds::{ExchangeRelease, HistoryEntry, names};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event};
use serde::Serialize;

use crate::args::Output;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::session::Session;
use crate::view::{Pods, View};
use crate::{follow, text};

/// How often a terminal is drawn anew without a change, for the times on it.
const TICK: Duration = Duration::from_secs(1);
/// Top left, and away with what stands below.
const HOME: &str = "\x1b[H\x1b[J";
/// An empty terminal.
const CLEAR: &str = "\x1b[2J";

/// What `history -o json` prints.
#[derive(Serialize)]
struct History<'a> {
    name: &'a str,
    namespace: &'a str,
    history: Vec<HistoryEntry>,
}

pub(crate) async fn get(session: &Session, name: &str, watch: bool) -> Result<Exit, Problem> {
    let release = session.release(name).await?;
    if watch {
        return follow_screen(session, name).await;
    }
    let pods = hidden(session.pods(name).await)?;
    let now = Timestamp::now();
    draw(session, &View::of(&release, &pods, now), now, false)?;
    Ok(Exit::Done)
}

/// The last ten releases.
pub(crate) async fn history(session: &Session, name: &str) -> Result<Exit, Problem> {
    let status = session.release(name).await?.status.unwrap_or_default();
    let history = History {
        name,
        namespace: &session.namespace,
        history: status.history,
    };
    match session.output {
        Output::Json => crate::write_json(&history, false)?,
        Output::Text => crate::write(&text::history(&history.history, Timestamp::now()))?,
    }
    Ok(Exit::Done)
}

/// Who may not see the pods sees the release all the same.
fn hidden(pods: Result<Vec<Pod>, Problem>) -> Result<Pods, Problem> {
    match pods {
        Ok(pods) => Ok(Ok(pods)),
        Err(problem @ Problem::Forbidden { .. }) => Ok(Err(problem.to_string())),
        Err(other) => Err(other),
    }
}

fn draw(session: &Session, view: &View, now: Timestamp, watch: bool) -> Result<(), Problem> {
    match session.output {
        Output::Json => crate::write_json(view, watch),
        Output::Text if watch && session.terminal => {
            crate::write(&format!("{HOME}{}", text::screen(view, now)))
        }
        Output::Text if watch => crate::write(&format!("{}\n", text::screen(view, now))),
        Output::Text => crate::write(&text::screen(view, now)),
    }
}

/// Draws until the release is deleted, or the person has seen enough.
async fn follow_screen(session: &Session, name: &str) -> Result<Exit, Problem> {
    let mut states = pin!(follow::states(session, name));
    let (store, changes) = pods(session, name);
    let mut changes = pin!(changes);
    let mut watched = Watched::new(store);
    let mut tick = tokio::time::interval(TICK);
    let ticks = session.terminal && session.output == Output::Text;
    if ticks {
        crate::write(CLEAR)?;
    }
    loop {
        let changed = tokio::select! {
            state = states.next() => watched.release(session, name, state)?,
            change = changes.next(), if watched.hidden.is_none() => watched.pods(session, change),
            _ = tick.tick(), if ticks => true,
        };
        if let (true, Some(release)) = (changed, &watched.release) {
            let now = Timestamp::now();
            draw(session, &View::of(release, &watched.seen(), now), now, true)?;
        }
    }
}

/// The pods of a release, kept up to date by the stream.
fn pods(
    session: &Session,
    name: &str,
) -> (
    Store<Pod>,
    impl Stream<Item = watcher::Result<Event<Pod>>> + use<>,
) {
    let (reader, writer) = reflector::store();
    let config = watcher::Config::default().labels(&format!("{}={name}", names::RELEASE));
    let stream = watcher::watcher(session.all_pods(), config);
    (reader, stream.default_backoff().reflect(writer))
}

/// What is known while the screen is followed.
struct Watched {
    release: Option<Box<ExchangeRelease>>,
    store: Store<Pod>,
    /// Whether the pods were listed once.
    listed: bool,
    /// Why they cannot be.
    hidden: Option<String>,
}

impl Watched {
    const fn new(store: Store<Pod>) -> Self {
        Self {
            release: None,
            store,
            listed: false,
            hidden: None,
        }
    }

    /// Whether there is something new to draw.
    fn release(
        &mut self,
        session: &Session,
        name: &str,
        state: Option<watcher::Result<Option<ExchangeRelease>>>,
    ) -> Result<bool, Problem> {
        match state {
            Some(Ok(Some(release))) => {
                self.release = Some(Box::new(release));
                Ok(self.listed || self.hidden.is_some())
            }
            Some(Ok(None)) => Err(Problem::Deleted(name.to_owned())),
            Some(Err(error)) => {
                let request = session.about("watch the release", "watch", Some(name));
                // The last screen stays while the watch is begun anew.
                request.watch_failed(&error).map_or(Ok(false), Err)
            }
            None => Err(Problem::Unreachable("the watch ended".to_owned())),
        }
    }

    /// Whether there is something new to draw.
    fn pods(&mut self, session: &Session, change: Option<watcher::Result<Event<Pod>>>) -> bool {
        match change {
            Some(Ok(Event::Init | Event::InitApply(_))) => false,
            Some(Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_))) => {
                self.listed = true;
                true
            }
            Some(Err(error)) => {
                self.hidden = session
                    .about_pods()
                    .watch_failed(&error)
                    .map(|p| p.to_string());
                self.hidden.is_some()
            }
            None => {
                self.hidden = Some("the watch ended".to_owned());
                true
            }
        }
    }

    fn seen(&self) -> Pods {
        match &self.hidden {
            Some(why) => Err(why.clone()),
            None => Ok(self
                .store
                .state()
                .iter()
                .map(|pod| (**pod).clone())
                .collect()),
        }
    }
}
