//! Makes a controller look at a release although nothing changed in the cluster: an answer came.

use std::collections::HashMap;

use futures::Stream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::shelf::Release;

/// A way to the controller of every watched namespace; `None` watches all.
///
/// Unbounded, and yet bounded: a question that was asked wakes at most once.
#[derive(Debug, Default)]
pub struct Wakers(HashMap<Option<String>, UnboundedSender<Release>>);

impl Wakers {
    /// Opens the way to a namespace's controller.
    pub fn open(&mut self, namespace: Option<String>) -> impl Stream<Item = Release> + use<> {
        let (waker, woken) = unbounded_channel();
        self.0.insert(namespace, waker);
        futures::stream::unfold(woken, |mut woken: UnboundedReceiver<Release>| async {
            woken.recv().await.map(|release| (release, woken))
        })
    }

    /// Wakes the controller that watches this release.
    pub fn wake(&self, namespace: &str, name: &str) {
        let controller = self
            .0
            .get(&Some(namespace.to_owned()))
            .or_else(|| self.0.get(&None));
        if let Some(controller) = controller {
            // A controller that ended looks at nothing any more.
            controller.send(Release::new(name).within(namespace)).ok();
        }
    }
}
