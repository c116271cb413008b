//! A watch that never ends: what breaks off is opened again, and where the API server no longer knows the version
//! that was seen last, all is listed anew.

use std::fmt::Debug;
use std::time::Duration;

use backon::ExponentialBuilder;
use futures::stream::{repeat_with, unfold};
use futures::{Stream, StreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::{Backoff, ResetTimerBackoff};
use kube::runtime::watcher::{Config, Error, Event, ExponentialBackoff, Result, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

/// What is said of a version that is known no longer.
const GONE: u16 = 410;

/// All objects of a kind, and each change of them.
pub fn watched<K>(api: Api<K>, config: Config) -> impl Stream<Item = Result<Event<K>>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let each = repeat_with(move || until_gone(watcher(api.clone(), config.clone())));
    each.flatten().backoff(backoff())
}

/// kube's watcher lists anew when a stream says 410; where that is the answer to its request, as from a proxy or
/// an API server whose cache is young, it would ask for the same version for ever.
fn until_gone<T>(
    events: impl Stream<Item = Result<T>> + Send + 'static,
) -> impl Stream<Item = Result<T>> + Send {
    unfold(Some(events.boxed()), |events| async {
        let mut events = events?;
        let event = events.next().await?;
        let is_gone = event.as_ref().is_err_and(is_gone);
        Some((event, (!is_gone).then_some(events)))
    })
}

fn is_gone(error: &Error) -> bool {
    matches!(error, Error::WatchStartFailed(kube::Error::Api(status)) if status.code == GONE)
}

/// How long a watch that broke off waits before it opens again. The usual half minute, doubled by chance,
/// would leave a release where it is for a minute after the API server has come back; one operator does
/// not wear it out.
fn backoff() -> impl Backoff + 'static {
    let delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(800))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times();
    ResetTimerBackoff::new(ExponentialBackoff::from(delays), Duration::from_secs(120))
}
