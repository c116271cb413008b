//! Makes the operator look at a release although nothing changed in the cluster: an answer came.

use futures::Stream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::shelf::Release;

/// A way to the queue of releases.
///
/// Unbounded, and yet bounded: a question that was asked wakes at most once.
#[derive(Debug)]
pub struct Waker(UnboundedSender<Release>);

impl Waker {
    /// Opens the way, and gives its other end.
    pub fn open() -> (Self, impl Stream<Item = Release> + use<>) {
        let (waker, mut woken) = unbounded_channel();
        let woken = futures::stream::poll_fn(move |cx| woken.poll_recv(cx));
        (Self(waker), woken)
    }

    /// Has a release looked at.
    pub fn wake(&self, namespace: &str, name: &str) {
        // A queue that ended looks at nothing any more.
        self.0.send(Release::new(name).within(namespace)).ok();
    }
}
