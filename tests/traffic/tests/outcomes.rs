//! Each request gets one outcome, and the sums are exact.

mod support;

use changeover_traffic::Kind;
use support::{Exchange, Reply, plan, run};

#[tokio::test]
async fn a_run_without_faults_counts_every_request_as_ok() {
    let exchange = Exchange::start(|_| Reply::Good).await;
    let mut plan = plan(&exchange.url).await;
    plan.traders = 2;
    let report = run(&plan).await;
    let total = &report.total;
    assert_eq!(
        (total.sent, total.ok, total.failed),
        (100, 100, 0),
        "{:?}",
        report.failures
    );
    assert_eq!(exchange.requests(), 100);
    assert_eq!((total.lost, total.duplicated, total.mixed), (0, 0, 0));
    assert!(report.kept_rate);
    let sent: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| report.kinds[kind].sent)
        .collect();
    assert_eq!(sent, [40, 40, 20]);
    assert_eq!(report.answered_by["2.0.0"], 100);
    assert_eq!(report.versions["2.0.0"].answers, 100);
    let over_time: u64 = report
        .timeline
        .iter()
        .map(|second| second.answers["green/2.0.0"])
        .sum();
    assert_eq!(over_time, 100);
    assert!(total.p50_millis > 0.0 && total.p50_millis <= total.p999_millis);
}

#[tokio::test]
async fn fresh_clients_connect_anew_and_pooled_ones_do_not() {
    let exchange = Exchange::start(|_| Reply::Good).await;
    let mut plan = plan(&exchange.url).await;
    plan.shares.pooled = 0.0;
    run(&plan).await;
    assert_eq!(exchange.connections(), 100);

    let exchange = Exchange::start(|_| Reply::Good).await;
    plan = support::plan(&exchange.url).await;
    plan.shares.fresh = 0.0;
    run(&plan).await;
    assert!(
        exchange.connections() < 20,
        "{} connections",
        exchange.connections()
    );
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_is_a_lost_request() {
    let exchange = Exchange::start(|n| {
        if n % 10 == 0 {
            Reply::Reset
        } else {
            Reply::Good
        }
    })
    .await;
    let report = run(&plan(&exchange.url).await).await;
    let total = &report.total;
    assert_eq!(
        (total.sent, total.ok, total.resets, total.lost),
        (100, 90, 10, 10)
    );
    assert_eq!(exchange.requests(), 100, "nothing is sent twice");
    assert_eq!(report.failures.len(), 10);
}

#[tokio::test]
async fn a_refused_connection_is_a_lost_request() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let report = run(&plan(&url).await).await;
    assert_eq!((report.total.refused, report.total.lost), (100, 100));
    assert!(report.total.longest_gap_millis >= 980, "{:?}", report.total);
}

#[tokio::test]
async fn an_error_answer_is_failed_but_not_lost() {
    let exchange = Exchange::start(|n| match n % 4 {
        0 => Reply::Status(503),
        1 => Reply::Status(404),
        2 => Reply::Status(202),
        _ => Reply::Good,
    })
    .await;
    let total = run(&plan(&exchange.url).await).await.total;
    assert_eq!(
        (total.server_errors, total.client_errors, total.other),
        (25, 25, 25)
    );
    assert_eq!((total.failed, total.lost), (75, 0));
}

#[tokio::test]
async fn answers_of_two_versions_are_mixed() {
    let exchange = Exchange::start(|n| if n < 7 { Reply::Mixed } else { Reply::Good }).await;
    let total = run(&plan(&exchange.url).await).await.total;
    assert_eq!((total.mixed, total.ok), (7, 100));
}

#[tokio::test]
async fn a_server_that_closes_connections_politely_loses_nothing() {
    let exchange = Exchange::start(|_| Reply::Close).await;
    let mut plan = plan(&exchange.url).await;
    plan.traders = 2;
    (plan.shares.fresh, plan.shares.pooled, plan.shares.traders) = (0.0, 1.0, 1.0);
    let total = run(&plan).await.total;
    assert_eq!((total.sent, total.ok, total.lost), (100, 100, 0));
    assert!(
        exchange.connections() >= 100,
        "{} connections",
        exchange.connections()
    );
}

#[tokio::test]
async fn a_repeated_order_with_another_id_is_a_duplicate() {
    for (reply, duplicated) in [(Reply::Good, 0), (Reply::NewId, 2)] {
        let exchange = Exchange::start(move |_| reply).await;
        let mut plan = plan(&exchange.url).await;
        plan.traders = 2;
        let report = run(&plan).await;
        assert_eq!(report.total.duplicated, duplicated);
        assert_eq!(report.kinds[&Kind::Traders].duplicated, duplicated);
    }
}

#[tokio::test]
async fn an_outage_shows_as_the_longest_gap() {
    // Requests 30 to 69 of 100 a second fail: 400 ms without an ok answer.
    let exchange = Exchange::start(|n| match n {
        30..70 => Reply::Status(503),
        _ => Reply::Good,
    })
    .await;
    let gap = run(&plan(&exchange.url).await)
        .await
        .total
        .longest_gap_millis;
    assert!((350..700).contains(&gap), "{gap} ms");
}
