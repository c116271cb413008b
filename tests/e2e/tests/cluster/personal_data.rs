//! What the exchange holds about a person, while it is released.

use std::time::Duration;

use changeover_crds::{Colour, Phase};
use changeover_e2e::{Doors, Hold, Person, Stage, pause};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::common::{annotate, half_switched, lab, until, version, with_first_release};

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_in_the_middle_of_a_switch_is_complete_in_both_colours() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "erasure").await;
    let live = Doors::live(&stage).await.unwrap();
    let bob = live.sign_up().unwrap();
    live.deposit(&bob, "BTC", "1").unwrap();
    let ada = trader(&live, &bob).await;
    let all = live.export(&ada).unwrap();
    assert_is_everything(&all, &ada);

    let hold = in_the_middle_of_the_switch(&stage).await;
    let (status, _) = live.erase(&ada).unwrap();
    assert_eq!(
        status,
        StatusCode::NO_CONTENT,
        "every service has forgotten her"
    );
    let (blue, green) = (
        Doors::of(&stage, "blue").await.unwrap(),
        Doors::of(&stage, "green").await.unwrap(),
    );
    for doors in [&blue, &live, &green] {
        assert_erased(doors, &ada, &bob);
    }

    hold.release();
    until(&stage, Phase::Warm, "2.0.0").await;
    assert_erased(&live, &ada, &bob);
    annotate(&stage, "rollback=one");
    until(&stage, Phase::RolledBack, "1.0.0").await;
    assert_erased(&live, &ada, &bob);
    // Whom she traded with keeps what is his.
    assert_eq!(told(&live, &bob).len(), 1);
}

/// Someone with a consent, funds, and an order of which `other` took a half.
async fn trader(live: &Doors<'_>, other: &Person) -> Person {
    let trader = live.sign_up().unwrap();
    live.consent(&trader).unwrap();
    live.deposit(&trader, "EUR", "100").unwrap();
    for (who, side, quantity) in [(&trader, "buy", "2"), (other, "sell", "1")] {
        let (status, body) = live.order(who, side, quantity).unwrap();
        assert_eq!(status, StatusCode::CREATED, "{body}");
    }
    let both_told = async {
        while told(live, &trader).is_empty() || told(live, other).is_empty() {
            pause().await;
        }
    };
    timeout(Duration::from_secs(10), both_told)
        .await
        .expect("both are told of the trade");
    trader
}

fn told(doors: &Doors<'_>, person: &Person) -> Vec<Value> {
    let (status, inbox) = doors.inbox(person).unwrap();
    assert_eq!(status, StatusCode::OK, "{inbox}");
    inbox["notifications"].as_array().unwrap().clone()
}

fn assert_is_everything((status, all): &(StatusCode, Value), person: &Person) {
    assert_eq!(*status, StatusCode::OK, "{all}");
    assert_eq!(all["user"]["account"]["email"], json!(person.email));
    assert_eq!(all["user"]["consents"][0]["purpose"], "announcements");
    let entries = all["trade"]["entries"].as_array().unwrap();
    let kinds: Vec<&Value> = entries.iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["deposit", "order", "fill"]);
    assert_eq!(all["notification"]["notifications"][0]["kind"], "fill");
}

/// 2.0.0 has user, but not yet trade.
async fn in_the_middle_of_the_switch<'a>(stage: &Stage<'a>) -> Hold<'a> {
    let hold = Hold::live_service(stage, "trade").await.unwrap();
    let spec = version("2.0.0").with("/spec/rollbackWindow", json!("10m"));
    stage.apply(&spec.unwrap()).unwrap();
    half_switched(stage, Colour::Green).await;
    hold
}

/// Nobody does anything for her, her email is nobody's, and her order has left the book.
fn assert_erased(doors: &Doors<'_>, person: &Person, other: &Person) {
    for (status, body) in [
        doors.export(person).unwrap(),
        doors.log_in(&person.email).unwrap(),
        doors.order(person, "buy", "1").unwrap(),
    ] {
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
    }
    let book = doors.book(other).unwrap();
    assert_eq!(book["bids"], json!([]), "{book}");
    let (_, inbox) = doors.inbox(person).unwrap();
    let told = inbox["notifications"].as_array();
    assert!(told.is_none_or(Vec::is_empty), "{inbox}");
}
