//! Waiting until an object is as it should be, by watching it.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures::StreamExt;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use serde::de::DeserializeOwned;

use crate::say::while_waiting;

/// Watches the named object until `holds`; every version of it that the API server knew is looked at. An API server that is away is
/// waited for. `describe` says for the progress line how the object is.
///
/// # Errors
/// After `limit`, with what was seen last.
pub async fn until<K>(
    api: Api<K>,
    name: &str,
    what: &str,
    limit: Duration,
    describe: impl Fn(&K) -> String,
    mut holds: impl FnMut(&K) -> bool,
) -> Result<K>
where
    K: kube::Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let selected = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut versions = watcher(api, selected)
        .default_backoff()
        .applied_objects()
        .boxed();
    let seen = Mutex::new(String::from("nothing was seen of it"));
    let note = |text: String| {
        if let Ok(mut seen) = seen.lock() {
            *seen = text;
        }
    };
    let last = || seen.lock().map(|seen| seen.clone()).unwrap_or_default();
    let search = async {
        while let Some(version) = versions.next().await {
            match version {
                Ok(object) if holds(&object) => return Some(object),
                Ok(object) => note(describe(&object)),
                Err(error) => note(format!("the watch was interrupted: {error}")),
            }
        }
        None
    };
    let detail = || format!(": {}", last());
    let waiting = format!("waiting for {what}");
    let search = while_waiting(&waiting, detail, search);
    match tokio::time::timeout(limit, search).await {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(anyhow!("the watch for {what} ended")),
        Err(_) => Err(anyhow!(
            "waited {} s in vain for {what}: {}",
            limit.as_secs(),
            last()
        )),
    }
}

/// Between two looks at something that cannot be watched.
pub async fn pause() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}
