//! Which release is looked at next: first come, first served, no release twice at a time. kube's scheduler
//! knows when one is due and joins reasons that come together. Its runner is left out: it serves who came
//! last, so that others starve in a crowd, and asks every one that waits at each step.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use futures::stream::select;
use futures::{Stream, StreamExt, pin_mut};
use kube::runtime::scheduler::{ScheduleRequest, scheduler};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Works on each item that there is a reason for, on so many at the same time, and again after the pause that
/// `work` asks for. Ends when the reasons do, or when it should stop, after what is in progress.
pub async fn serve<T, F>(
    reasons: impl Stream<Item = T> + Send,
    at_once: usize,
    stopped: impl Future<Output = ()> + Send,
    work: impl Fn(T) -> F + Send,
) where
    T: Clone + Eq + Hash + Send + 'static,
    F: Future<Output = Option<Duration>> + Send + 'static,
{
    let (later, mut again) = unbounded_channel();
    let again = futures::stream::poll_fn(move |cx| again.poll_recv(cx));
    let now = |message| ScheduleRequest {
        message,
        run_at: Instant::now(),
    };
    let due = scheduler(select(reasons.map(now), again));
    pin_mut!(due, stopped);
    let mut line = Line::<T>::default();
    let mut working = JoinSet::new();
    loop {
        while working.len() < at_once
            && let Some(item) = line.next()
        {
            let done = work(item.clone());
            working.spawn(async move { (item, done.await) });
        }
        tokio::select! {
            () = &mut stopped => break,
            item = due.next() => match item {
                Some(item) => line.join(item),
                None => break,
            },
            Some(Ok((item, pause))) = working.join_next() => {
                line.leave(&item);
                if let Some(pause) = pause {
                    let run_at = Instant::now() + pause;
                    // The other end lives as long as this loop.
                    later.send(ScheduleRequest { message: item, run_at }).ok();
                }
            }
        }
    }
    while working.join_next().await.is_some() {}
}

/// Those who wait, and those whose turn it is.
struct Line<T> {
    waiting: VecDeque<T>,
    /// The same, to find one.
    joined: HashSet<T>,
    served: HashSet<T>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            joined: HashSet::new(),
            served: HashSet::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Line<T> {
    /// Puts an item at the end, unless it waits already.
    fn join(&mut self, item: T) {
        if self.joined.insert(item.clone()) {
            self.waiting.push_back(item);
        }
    }

    /// The first one that is not being served.
    fn next(&mut self) -> Option<T> {
        let is_free = |item: &T| !self.served.contains(item);
        let item = self
            .waiting
            .remove(self.waiting.iter().position(is_free)?)?;
        self.joined.remove(&item);
        self.served.insert(item.clone());
        Some(item)
    }

    /// Its turn is over.
    fn leave(&mut self, item: &T) {
        self.served.remove(item);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use futures::stream::{self, iter};
    use tokio::sync::mpsc::UnboundedSender;
    use tokio::sync::{Semaphore, oneshot};

    use super::*;

    #[test]
    fn first_come_first_served_and_nobody_twice_at_a_time() {
        let mut line = Line::default();
        for item in ["a", "b", "a", "c"] {
            line.join(item);
        }
        assert_eq!([line.next(), line.next()], [Some("a"), Some("b")]);
        line.join("a");
        line.join("b");
        assert_eq!(line.next(), Some("c"));
        assert_eq!(line.next(), None, "a and b are being served");
        line.leave(&"b");
        assert_eq!(line.next(), Some("b"));
        line.leave(&"a");
        assert_eq!([line.next(), line.next()], [Some("a"), None]);
    }

    /// Work that says when it begins and lasts until it may end; then it wants a pause.
    fn gated(
        begun: UnboundedSender<u32>,
        gate: Arc<Semaphore>,
        pause: Option<Duration>,
    ) -> impl Fn(u32) -> BoxFuture<'static, Option<Duration>> + Send {
        move |item| {
            let (begun, gate) = (begun.clone(), gate.clone());
            async move {
                begun.send(item).unwrap();
                gate.acquire().await.unwrap().forget();
                pause
            }
            .boxed()
        }
    }

    #[tokio::test]
    async fn so_many_are_worked_on_at_once_and_each_once_a_reason() {
        let (begin, mut begun) = unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let reasons = iter([1, 2, 3, 1, 2, 3]).chain(stream::pending());
        let work = gated(begin, gate.clone(), None);
        tokio::spawn(serve(reasons, 2, pending::<()>(), work));
        let mut items = vec![begun.recv().await, begun.recv().await];
        tokio::task::yield_now().await;
        assert!(begun.try_recv().is_err(), "two at a time");
        gate.add_permits(3);
        items.push(begun.recv().await);
        items.sort_unstable();
        assert_eq!(items, [Some(1), Some(2), Some(3)]);
        tokio::task::yield_now().await;
        assert!(
            begun.try_recv().is_err(),
            "reasons that came together are one"
        );
    }

    #[tokio::test]
    async fn what_asks_for_a_pause_is_worked_on_again_after_it() {
        let (begin, mut begun) = unbounded_channel();
        let gate = Arc::new(Semaphore::new(1));
        let pause = Duration::from_millis(20);
        let reasons = iter([1]).chain(stream::pending());
        let serving = serve(reasons, 2, pending::<()>(), gated(begin, gate, Some(pause)));
        tokio::spawn(serving);
        assert_eq!(begun.recv().await, Some(1));
        let ended = Instant::now();
        assert_eq!(begun.recv().await, Some(1));
        assert!(ended.elapsed() >= pause);
    }

    #[tokio::test]
    async fn what_is_in_progress_is_finished_and_nothing_else_begun() {
        let (begin, mut begun) = unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let (stop, stopped) = oneshot::channel::<()>();
        let reasons = iter([1, 2]).chain(stream::pending());
        let stopped = stopped.map(drop);
        let serving = tokio::spawn(serve(reasons, 1, stopped, gated(begin, gate.clone(), None)));
        assert!(begun.recv().await.is_some());
        stop.send(()).unwrap();
        tokio::task::yield_now().await;
        gate.add_permits(2);
        serving.await.unwrap();
        assert_eq!(begun.recv().await, None, "the other was not begun");
    }
}
