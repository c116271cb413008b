//! The client keeps its rate whatever the exchange does, or says that it did not.

mod support;

use std::time::Duration;

use changeover_traffic::{LONGEST_RUN, Stop};
use support::{Exchange, Reply, plan, run};

#[tokio::test]
async fn a_stalled_exchange_does_not_slow_the_client() {
    let exchange = Exchange::start(|_| Reply::Stall).await;
    let mut plan = plan(&exchange.url).await;
    plan.timeout = Duration::from_millis(300);
    let report = run(&plan).await;
    let total = &report.total;
    assert_eq!((total.sent, total.timeouts, total.lost), (100, 100, 100));
    assert!(
        report.kept_rate,
        "late {} skipped {}",
        report.late, report.skipped
    );
}

#[tokio::test]
async fn too_many_requests_in_flight_break_the_rate() {
    let exchange = Exchange::start(|_| Reply::Stall).await;
    let mut plan = plan(&exchange.url).await;
    plan.timeout = Duration::from_millis(1500);
    plan.max_in_flight = 10;
    let report = run(&plan).await;
    assert_eq!((report.total.sent, report.skipped), (10, 90));
    assert!(!report.kept_rate);
}

#[tokio::test]
async fn a_starved_client_says_that_it_was_late() {
    let exchange = Exchange::start(|_| Reply::Good).await;
    let plan = plan(&exchange.url).await;
    let (_sender, stop) = Stop::channel();
    let report = changeover_traffic::run(&plan, stop, || {
        tokio::spawn(async {
            // Blocks the runtime's only thread, on purpose.
            std::thread::sleep(Duration::from_millis(500));
        });
    })
    .await
    .unwrap();
    assert_eq!(report.total.sent, 100, "due requests are sent all the same");
    assert!(
        report.late >= 30 && !report.kept_rate,
        "late {}",
        report.late
    );
    assert!(report.max_late_millis >= 400, "{}", report.max_late_millis);
    assert!(
        report.total.p99_millis >= 300.0,
        "latency counts from the scheduled start"
    );
}

#[tokio::test]
async fn a_stopped_run_accounts_for_what_it_sent() {
    let exchange = Exchange::start(|_| Reply::Good).await;
    let mut plan = plan(&exchange.url).await;
    plan.duration = Duration::from_mins(15);
    let (sender, stop) = Stop::channel();
    let report = changeover_traffic::run(&plan, stop, || {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            sender.send_replace(true);
        });
    })
    .await
    .unwrap();
    assert!(
        (20..60).contains(&report.total.sent),
        "{}",
        report.total.sent
    );
    assert_eq!(report.total.ok, report.total.sent);
    assert!(report.kept_rate);
}

#[tokio::test]
async fn a_plan_without_sense_is_refused() {
    let exchange = Exchange::start(|_| Reply::Good).await;
    let good = plan(&exchange.url).await;
    let mut plans = vec![good.clone(); 4];
    plans[0].rate = 0.0;
    plans[1].traders = 3;
    plans[2].duration = LONGEST_RUN + Duration::from_secs(1);
    (plans[3].shares.fresh, plans[3].shares.pooled) = (0.0, 0.0);
    for plan in plans {
        let (_sender, stop) = Stop::channel();
        assert!(
            changeover_traffic::run(&plan, stop, || {}).await.is_err(),
            "{plan:?}"
        );
    }
    assert_eq!(exchange.requests(), 0);
}
