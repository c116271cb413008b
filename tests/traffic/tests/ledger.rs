//! The ledger against the real services over a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use changeover_traffic::{Plan, Report, Targets};
use exchange_testkit::Exchange;
use support::run;

async fn trading(exchange: &Exchange) -> Report {
    let (user, trade) = (exchange.user.url(""), exchange.trade.url(""));
    let notification = exchange.notification.url("");
    let targets = Targets::resolve(&user, &trade, &notification);
    let plan = Plan {
        targets: targets.await.unwrap(),
        rate: 50.0,
        traders: 4,
        database_url: Some(exchange.postgres.url()),
        duration: Duration::from_secs(2),
        ..support::plan(&user).await
    };
    run(&plan).await
}

#[tokio::test]
async fn an_honest_exchange_holds_what_it_accepted() {
    let exchange = Exchange::start().await.unwrap();
    let report = trading(&exchange).await;
    assert_eq!(
        (report.total.sent, report.total.failed),
        (100, 0),
        "{:?}",
        report.failures
    );
    assert_eq!((report.total.lost, report.total.duplicated), (0, 0));
    let ledger = report.ledger.unwrap();
    // Of 20 requests of traders 12 are orders, a buy for each sell: every order fills.
    assert_eq!((ledger.accepted_orders, ledger.filled_sides), (12, 12));
    assert_eq!(
        (
            ledger.missing_orders,
            ledger.stray_orders,
            ledger.unknown_accepted
        ),
        (0, 0, 0)
    );
    assert_eq!(
        (ledger.notifications_missing, ledger.notifications_doubled),
        (0, 0)
    );
    let streams = report.streams.unwrap();
    assert_eq!((streams.followed, streams.events), (4, 12), "{streams:?}");
    assert_eq!(
        (streams.gaps, streams.doubled, streams.disordered),
        (0, 0, 0)
    );
    assert_eq!(streams.broken, 0, "{:?}", streams.reasons);
}

/// At commit, after every answer is decided, the database forgets under which key an order was
/// placed, and tells everyone twice.
const SABOTAGE: &str = "
    CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        DELETE FROM trade.idempotency_keys WHERE user_id = NEW.user_id AND key = NEW.key;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER forget AFTER INSERT ON trade.idempotency_keys
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION forget();
    CREATE FUNCTION tell_twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO notification.notifications (id, user_id, kind, payload, colour)
            VALUES (gen_random_uuid(), NEW.user_id, NEW.kind, NEW.payload, NEW.colour);
        RETURN NULL;
    END $$;
    CREATE TRIGGER tell_twice AFTER INSERT ON notification.notifications
        FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION tell_twice();";

#[tokio::test]
async fn a_dishonest_exchange_is_found_out() {
    let exchange = Exchange::start().await.unwrap();
    let mut database = exchange.postgres.look().await.unwrap();
    sqlx::raw_sql(SABOTAGE)
        .execute(&mut database)
        .await
        .unwrap();
    let report = trading(&exchange).await;
    let ledger = report.ledger.unwrap();
    assert!(ledger.accepted_orders >= 12);
    assert_eq!(ledger.missing_orders, ledger.accepted_orders);
    assert!(ledger.stray_orders >= ledger.accepted_orders);
    assert_eq!(report.total.lost, ledger.missing_orders);
    assert_eq!(
        report.total.duplicated,
        ledger.stray_orders + ledger.duplicated_keys
    );
    assert!(ledger.filled_sides >= 12);
    assert_eq!(ledger.notifications_doubled, ledger.filled_sides);
}
