//! Looks at every state of the live Services while a test runs: what must hold after each write, read without the
//! engine's help.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use changeover_crds::names;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Service;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, ResourceExt};
use tokio::task::AbortHandle;

use crate::release::NAME;
use crate::sandbox::Sandbox;
use crate::state::selected;

/// Watches from now on, until it is asked or dropped.
#[derive(Debug)]
pub struct Guard {
    seen: Arc<Mutex<Seen>>,
    watching: AbortHandle,
}

#[derive(Debug, Default)]
struct Seen {
    states: usize,
    /// The last epoch by Service.
    epochs: BTreeMap<String, i64>,
    wrong: Vec<String>,
}

impl Sandbox {
    /// Begins to look at the live Services.
    #[must_use]
    pub fn guard(&self) -> Guard {
        let services: Api<Service> = self.api();
        let live = format!(
            "{}={NAME},{}={}",
            names::RELEASE,
            names::ROLE,
            names::ROLE_LIVE
        );
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        let watching = tokio::spawn(async move {
            let states = watcher(services, watcher::Config::default().labels(&live));
            // An error is a watch that is begun again.
            let states = states.default_backoff().touched_objects();
            let judged = states.filter_map(async |service| service.ok());
            judged
                .for_each(async |service| lock(&shared).judge(&service))
                .await;
        });
        Guard {
            seen,
            watching: watching.abort_handle(),
        }
    }
}

impl Guard {
    /// How many states were judged.
    ///
    /// # Errors
    /// With what was wrong in one of them.
    pub fn end(self) -> Result<usize> {
        let seen = lock(&self.seen);
        ensure!(seen.wrong.is_empty(), "{:#?}", seen.wrong);
        ensure!(seen.states > 0, "no state was seen");
        Ok(seen.states)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Seen {
    /// I1: it selects pods of one colour and revision of its service. I5: its epoch never falls.
    fn judge(&mut self, service: &Service) {
        self.states += 1;
        let selector = service.spec.as_ref().and_then(|s| s.selector.clone());
        let selector = selector.unwrap_or_default();
        let wanted = [
            names::RELEASE,
            names::SERVICE,
            names::COLOUR,
            names::REVISION,
        ];
        let is_whole = wanted.iter().all(|key| selector.contains_key(*key));
        let (_, epoch) = selected(service);
        let name = service.name_any();
        if !is_whole || selector.len() != wanted.len() {
            self.wrong
                .push(format!("I1 routable: {name} selects {selector:?}"));
        }
        // One that was made anew begins anew.
        let of = service.uid().unwrap_or_default();
        let last = self.epochs.insert(of, epoch).unwrap_or_default();
        if epoch < last {
            self.wrong
                .push(format!("I5 fence: {name} fell from {last} to {epoch}"));
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
