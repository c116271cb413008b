//! The steady traffic of a run: every kind at its own pace.

use std::sync::Arc;

use futures::future::join_all;
use tokio::time::Instant;

use crate::clients::{Call, Traders, Transport};
use crate::progress;
use crate::recorder::Recorder;
use crate::report::Kind;
use crate::run::{Plan, Stop};
use crate::schedule::{InFlight, Pace, drive};
use crate::target::Targets;

/// Pools of the pooled kind: at least as many kept-alive connections to each service.
const POOLS: u64 = 4;

/// Sends until the plan's end or `stop`, then waits until nothing is in flight.
///
/// Returns when the last request was due.
pub async fn send(
    plan: &Plan,
    traders: Option<&Arc<Traders>>,
    start: Instant,
    stop: Stop,
    recorder: &Arc<Recorder>,
) -> Instant {
    let progress = plan
        .progress
        .then(|| tokio::spawn(progress::show(Arc::clone(recorder))));
    let in_flight = InFlight::new(plan.max_in_flight);
    let pace = |kind| Pace {
        start,
        per_second: plan.rate_of(kind),
        duration: plan.duration,
    };

    let reading = |kind, transports: Vec<Transport>| {
        let reader = Arc::new(Reader {
            kind,
            transports,
            targets: plan.targets.clone(),
            traders: traders.cloned(),
            timeout: plan.timeout,
            recorder: Arc::clone(recorder),
        });
        drive(
            kind,
            pace(kind),
            in_flight.clone(),
            stop.clone(),
            Arc::clone(recorder),
            move |n, due| Arc::clone(&reader).read(n, due),
        )
    };
    let fresh = reading(Kind::Fresh, vec![Transport::Fresh]);
    let pooled = reading(
        Kind::Pooled,
        (0..POOLS).map(|_| Transport::pooled()).collect(),
    );
    let trading = traders.map(|traders| {
        let (traders, recorder) = (Arc::clone(traders), Arc::clone(recorder));
        let (pace, counted) = (pace(Kind::Traders), Arc::clone(&recorder));
        drive(
            Kind::Traders,
            pace,
            in_flight.clone(),
            stop.clone(),
            counted,
            move |n, due| Arc::clone(&traders).act(n, due, Arc::clone(&recorder)),
        )
    });
    tokio::join!(fresh, pooled, join_all(trading));
    let end = Instant::now();
    in_flight.drained().await;
    if let Some(progress) = progress {
        progress.abort();
    }
    end
}

/// Sends cheap reads to the three services in turn.
struct Reader {
    kind: Kind,
    transports: Vec<Transport>,
    targets: Targets,
    traders: Option<Arc<Traders>>,
    timeout: std::time::Duration,
    recorder: Arc<Recorder>,
}

impl Reader {
    async fn read(self: Arc<Self>, n: u64, due: Instant) {
        // The transport changes after each round of the services, so that each pool meets all.
        let turn = (n / 3)
            .checked_rem(self.transports.len() as u64)
            .unwrap_or_default();
        let Some(transport) = usize::try_from(turn)
            .ok()
            .and_then(|turn| self.transports.get(turn))
        else {
            return;
        };
        let call = self.call(n);
        let exchanged = transport.exchange(&call, self.timeout).await;
        self.recorder.ended(self.kind, due, &call, &exchanged);
    }

    /// Versions, except that pools read the order book and the keys where there are any.
    fn call(&self, n: u64) -> Call {
        let target = self.targets.nth(n);
        let richer = match (self.kind, target.service) {
            (Kind::Pooled, "user") => Some(Call::get(target, "/.well-known/jwks.json")),
            (Kind::Pooled, "trade") => self
                .traders
                .as_ref()
                .and_then(|traders| traders.read_book()),
            _ => None,
        };
        richer.unwrap_or_else(|| Call::get(target, "/version"))
    }
}
