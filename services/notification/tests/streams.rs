//! Live streams: nothing is missing and nothing comes twice, whatever happens to the process or the
//! database.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use exchange_testkit::{EventStream, Exchange, ServiceProcess, Trader, eventually};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// Delivers one event, again and again until it is taken, as trade does.
async fn deliver(at: &ServiceProcess, user: &str, number: u64) -> Result<()> {
    let event = json!([{
        "id": Uuid::from_u128(u128::from(number) + 1), "kind": "fill", "userId": user,
        "payload": { "number": number }, "colour": "blue"
    }]);
    let taken = async || {
        let post = Client::new().post(at.url("/internal/events")).json(&event);
        post.send()
            .await
            .is_ok_and(|answer| answer.status() == StatusCode::NO_CONTENT)
    };
    ensure!(
        eventually(Duration::from_secs(20), taken).await,
        "event {number} is not taken"
    );
    Ok(())
}

async fn drain(process: &ServiceProcess) -> Result<Value> {
    let lease = json!({ "epoch": 1, "ttl": "60s" });
    let put = Client::new().put(process.admin("/drain")).json(&lease);
    Ok(put.send().await?.json().await?)
}

fn number(data: &Value) -> u64 {
    data["payload"]["number"].as_u64().unwrap()
}

/// Reads until it has seen so many; comes back as a browser does when a stream ends, at `next` from the
/// first time on.
async fn follow(
    first: &ServiceProcess,
    next: &ServiceProcess,
    whose: &Trader,
    until: usize,
) -> Result<(Vec<u64>, usize)> {
    let (mut seen, mut last, mut streams) = (Vec::new(), None::<String>, 0);
    while seen.len() < until {
        let at = if streams == 0 { first } else { next };
        streams += 1;
        let mut stream = EventStream::open(at, whose, last.as_deref()).await?;
        while let Some(event) = stream.next().await? {
            seen.push(number(&event.data));
            last = Some(event.id);
            if seen.len() == until {
                break;
            }
        }
    }
    Ok((seen, streams))
}

#[tokio::test]
async fn a_stream_brings_what_there_is_and_then_what_comes() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (ada, bob) = (exchange.sign_up().await?, exchange.sign_up().await?);
    let at = &exchange.notification;
    // What is taken by a process of the other colour reaches this one's streams as well.
    let green = exchange.another_notification("green").await?;
    deliver(at, &ada.id, 0).await?;
    let mut stream = EventStream::open(at, &ada, None).await?;
    let first = stream.next().await?.context("ended")?;
    assert_eq!((first.kind.as_str(), number(&first.data)), ("fill", 0));
    assert_eq!(first.data["id"], json!(first.id));

    deliver(&green, &bob.id, 7).await?;
    deliver(&green, &ada.id, 1).await?;
    let second = stream.next().await?.context("ended")?;
    assert_eq!(number(&second.data), 1, "bob's is bob's");
    deliver(at, &ada.id, 1).await?;
    deliver(at, &ada.id, 2).await?;
    let third = stream.next().await?.context("ended")?;
    assert_eq!(number(&third.data), 2, "what is delivered twice comes once");

    let mut later = EventStream::open(at, &ada, Some(&second.id)).await?;
    let next = later.next().await?.context("ended")?;
    assert_eq!(next.id, third.id);
    Ok(())
}

#[tokio::test]
async fn a_drain_ends_streams_with_a_hint_and_coming_back_leaves_no_gap() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    let (blue, green) = (
        &exchange.notification,
        exchange.another_notification("green").await?,
    );
    let total = 200;
    let send = async {
        for each in 0..total {
            deliver(if each % 2 == 0 { blue } else { &green }, &ada.id, each).await?;
            if each == 60 {
                drain(blue).await?;
            }
        }
        anyhow::Ok(())
    };
    let read = follow(blue, &green, &ada, 200);
    let (sent, read) = tokio::join!(send, read);
    sent?;
    let (seen, streams) = read?;
    assert_eq!(seen, (0..total).collect::<Vec<_>>());
    assert_eq!(streams, 2, "the drain ended the first stream");

    // A process that drains still gives what there is, asks back soon, and keeps no connection.
    let mut stream = EventStream::open(blue, &ada, None).await?;
    let mut count = 0;
    while stream.next().await?.is_some() {
        count += 1;
    }
    assert_eq!(count, total);
    assert!(stream.retry.is_some_and(|ms| (100..1000).contains(&ms)));
    let left = async || {
        drain(blue)
            .await
            .is_ok_and(|clients| clients["openConnections"] == 0)
    };
    assert!(eventually(Duration::from_secs(5), left).await);
    Ok(())
}

#[tokio::test]
async fn sigterm_ends_streams_with_a_hint_and_the_process_ends_in_time() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    let mut stream = EventStream::open(&exchange.notification, &ada, None).await?;
    deliver(&exchange.notification, &ada.id, 0).await?;
    assert!(stream.next().await?.is_some());
    exchange.notification.terminate();
    assert!(
        stream.next().await?.is_none(),
        "it ends, and does not break"
    );
    assert!(stream.retry.is_some_and(|ms| ms < 1000));
    let ended = exchange.notification.exit(Duration::from_secs(10)).await?;
    assert_eq!(ended.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn a_stream_outlives_a_restart_of_the_database() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    let mut stream = EventStream::open(&exchange.notification, &ada, None).await?;
    deliver(&exchange.notification, &ada.id, 0).await?;
    assert_eq!(number(&stream.next().await?.context("ended")?.data), 0);
    exchange.postgres.stop();
    exchange.postgres.restart().await?;
    for each in 1..20 {
        deliver(&exchange.notification, &ada.id, each).await?;
    }
    for each in 1..20 {
        assert_eq!(number(&stream.next().await?.context("ended")?.data), each);
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_a_good_request_for_a_stream_is_refused() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (ada, mut bob) = (exchange.sign_up().await?, exchange.sign_up().await?);
    let at = &exchange.notification;
    deliver(at, &ada.id, 0).await?;
    let adas = Uuid::from_u128(1).to_string();
    let status =
        async |whose: &Trader, last: &str| EventStream::request(at, whose, Some(last)).await;
    assert_eq!(status(&ada, "7").await?.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        status(&bob, &adas).await?.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(status(&bob, "").await?.status(), StatusCode::OK);
    bob.token.push('x');
    assert_eq!(status(&bob, "").await?.status(), StatusCode::UNAUTHORIZED);

    let mut streams = Vec::new();
    let full = loop {
        match EventStream::request(at, &ada, None).await? {
            answer if answer.status() == StatusCode::OK => streams.push(answer),
            other => break other,
        }
    };
    assert_eq!(full.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(streams.len(), 10);
    // Whoever leaves makes room, once the process notices: it may take more than one write to a connection
    // to learn that nobody reads it.
    drop(streams);
    let written = Cell::new(0);
    let room = async || {
        written.set(written.get() + 1);
        let event = deliver(at, &ada.id, written.get()).await;
        let answer = EventStream::request(at, &ada, None).await;
        event.is_ok() && answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    };
    assert!(eventually(Duration::from_secs(5), room).await);
    Ok(())
}
