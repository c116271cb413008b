//! Watches one release until something can be said of it.

use std::pin::pin;

use changeover_crds::ExchangeRelease;
use futures::{Stream, StreamExt};
use jiff::SignedDuration;
use kube::runtime::{WatchStreamExt, watcher};

use crate::problem::{Problem, chain};
use crate::session::Session;

/// How a watch ended.
pub(crate) enum Seen<T> {
    /// With a judgement.
    Judged(T),
    /// Without one; the release as it was last.
    TimedOut(Option<Box<ExchangeRelease>>),
}

/// Every state of a release, from the one it has now on; `None` while there is none. A watch that breaks is begun anew.
pub(crate) fn states(
    session: &Session,
    name: &str,
) -> impl Stream<Item = watcher::Result<Option<ExchangeRelease>>> + Send + use<> {
    watcher::watch_object(session.releases(), name).default_backoff()
}

/// Looks at every state of a release until it can be judged.
pub(crate) async fn follow<T>(
    session: &Session,
    name: &str,
    limit: SignedDuration,
    mut judge: impl FnMut(&ExchangeRelease) -> Option<T>,
) -> Result<Seen<T>, Problem> {
    let request = session.about("watch the release", "watch", Some(name));
    let mut last = None;
    let mut unreachable = None;
    let watching = async {
        let mut states = pin!(states(session, name));
        while let Some(state) = states.next().await {
            match state {
                Ok(Some(release)) => {
                    unreachable = None;
                    if let Some(judgement) = judge(&release) {
                        return Ok(judgement);
                    }
                    last = Some(Box::new(release));
                }
                Ok(None) => return Err(Problem::Deleted(name.to_owned())),
                Err(error) => {
                    if let Some(problem) = request.watch_failed(&error) {
                        return Err(problem);
                    }
                    unreachable = Some(chain(&error));
                }
            }
        }
        Err(Problem::Unreachable("the watch ended".to_owned()))
    };
    let limit = std::time::Duration::try_from(limit).unwrap_or_default();
    match tokio::time::timeout(limit, watching).await {
        Ok(ended) => ended.map(Seen::Judged),
        Err(_) => match unreachable {
            Some(why) => Err(Problem::unreachable(&why)),
            None => Ok(Seen::TimedOut(last)),
        },
    }
}
