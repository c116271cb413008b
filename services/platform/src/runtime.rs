//! Keeps sockets on the main runtime.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Polls a future inside the main runtime's context.
///
/// Actix gives each worker thread a runtime of its own, and a socket belongs to the runtime in whose
/// context it was opened. Database and HTTP connections are pooled over all workers, and a worker that
/// stops first would take with it connections that another worker's request is using. The main
/// runtime outlives every worker, so connections are opened in its context.
pub(crate) struct OnMain<F> {
    main: Handle,
    future: Pin<Box<F>>,
}

impl<F: Future> OnMain<F> {
    pub(crate) fn new(main: Handle, future: F) -> Self {
        Self {
            main,
            future: Box::pin(future),
        }
    }
}

impl<F: Future> Future for OnMain<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let main = self.main.clone();
        let _entered = main.enter();
        self.future.as_mut().poll(context)
    }
}
