//! The model of the API server that the engine tier plays against, compared with a real one, request by request.
//!
//! Both get the same requests, and must give the same answer, move the same versions, and hold the same
//! objects afterwards, as far as someone has set their fields.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bodies;
mod pair;
mod real;

use changeover_figures::Figures;
use changeover_kubernetes_model::Verb;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;

use bodies::{KINDS, WRITES};
use pair::{Pair, Pins};

const VERBS: [Verb; 4] = [Verb::Create, Verb::Apply, Verb::Merge, Verb::Delete];
const SEEDS: u64 = 6;
const REQUESTS: usize = 120;

/// Every verb, with every precondition, of every kind, on an object that is there, changed or gone; an apply without any
/// is none of the operator's.
#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_answered_as_by_a_real_server() {
    let mut pair = Pair::new("table").await;
    for kind in KINDS {
        for verb in VERBS {
            for pins in Pins::ALL {
                for exists in [true, false] {
                    pair.clear(kind).await;
                    if exists {
                        pair.send(Verb::Create, kind, 0, Pins::None).await;
                    }
                    for body in 0..bodies::count(kind) {
                        pair.send(verb, kind, body, pins).await;
                    }
                }
            }
        }
    }
    for pins in Pins::ALL {
        for body in 0..bodies::count("ExchangeRelease") {
            pair.send(Verb::Status, "ExchangeRelease", body, pins).await;
        }
    }
    pair.finish("requests of a table").await;
}

/// What follows from requests before: who owns which field, what a person changed meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_requests_ends_as_at_a_real_server() {
    for seed in 0..SEEDS {
        let mut pair = Pair::new(&format!("seed-{seed}")).await;
        let mut dice = StdRng::seed_from_u64(seed);
        for _ in 0..REQUESTS {
            let kind = *KINDS.choose(&mut dice).unwrap();
            let body = dice.random_range(0..bodies::count(kind));
            match dice.random_range(0..10) {
                0 | 1 => pair.edit(kind, body).await,
                _ => {
                    let pins = *Pins::LIKELY.choose(&mut dice).unwrap();
                    let verb = *WRITES.choose(&mut dice).unwrap();
                    pair.send(verb, kind, body, pins).await;
                }
            }
        }
        pair.finish(&format!("requests of seed {seed}")).await;
    }
}

/// What a flip takes out of a selector, and what a change of the spec comes to.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_is_gone_as_at_a_real_server() {
    let mut pair = Pair::new("taken-away").await;
    pair.send(Verb::Create, "Service", 0, Pins::None).await;
    for selector in [
        json!({"colour": null, "canary": "yes"}),
        json!({"colour": null}),
        json!({"colour": "green", "canary": null}),
    ] {
        let patch = json!({"spec": {"selector": selector}});
        for pins in [Pins::WrongVersion, Pins::Right] {
            let patch = patch.clone();
            pair.send_body(Verb::Merge, "Service", patch, pins).await;
        }
    }
    for body in [0, 1, 1] {
        pair.edit("ExchangeRelease", body).await;
        pair.send(Verb::Status, "ExchangeRelease", body, Pins::Right)
            .await;
    }
    pair.finish("what is taken away").await;
}

fn tell(what: &str, requests: usize) {
    let mut figures = Figures::of("api-server", format!("model compared, {what}"));
    figures.put("requests", requests);
    figures.put("differences", 0);
    figures.tell().unwrap();
}
