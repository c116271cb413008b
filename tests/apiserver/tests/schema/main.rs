//! The resource at a real API server: good input is taken as documented, bad input is refused with words that say what to change.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use anyhow::{Context, Result};
use changeover_apiserver_tests::{exchange, test_client};
use hyper::Request;
use kube::Client;
use serde_json::{Value, json};

mod bad_releases;
mod bad_services;
mod good_input;

const GROUP: &str = "/apis/changeover.dev/v1alpha1";
/// The first service.
const SERVICE: &str = "/spec/services/0";

/// What the API server makes of a new release, or why it refuses; nothing is stored. Unknown fields are errors, as for `kubectl`.
async fn try_create(client: &Client, release: &Value) -> Result<Result<Value, String>> {
    let uri =
        format!("{GROUP}/namespaces/default/exchangereleases?dryRun=All&fieldValidation=Strict");
    let request = Request::post(uri)
        .header("Content-Type", "application/json")
        .body(serde_json::to_vec(release)?)?;
    answer(client.request(request).await)
}

/// The same for a change of the release as it stands.
async fn try_replace(client: &Client, release: &Value) -> Result<Result<Value, String>> {
    let word = |pointer: &str| {
        release
            .pointer(pointer)
            .and_then(Value::as_str)
            .context("no name")
    };
    let (namespace, name) = (word("/metadata/namespace")?, word("/metadata/name")?);
    let uri = format!(
        "{GROUP}/namespaces/{namespace}/exchangereleases/{name}?dryRun=All&fieldValidation=Strict"
    );
    let request = Request::put(uri)
        .header("Content-Type", "application/json")
        .body(serde_json::to_vec(release)?)?;
    answer(client.request(request).await)
}

fn answer(answer: kube::Result<Value>) -> Result<Result<Value, String>> {
    match answer {
        Ok(object) => Ok(Ok(object)),
        Err(kube::Error::Api(status)) => Ok(Err(status.message)),
        Err(error) => Err(error.into()),
    }
}

/// A release with one change, by JSON pointer. `null` removes.
fn with(pointer: &str, value: Value) -> Value {
    let mut release = exchange("1.0.0");
    set(&mut release, pointer, value);
    release
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(key);
    } else {
        parent.insert(key.to_owned(), value);
    }
}

/// The first service with one field changed.
fn service(field: &str, value: Value) -> Value {
    with(&format!("{SERVICE}/{field}"), value)
}

fn smoke(probe: Value) -> Value {
    service("smoke", json!([probe]))
}

/// Each case: what is wrong, the input, and what the answer must say. All that fail are told together.
async fn assert_refused(cases: Vec<(&str, Value, &str)>) -> Result<()> {
    let client = test_client().await?;
    let mut wrong = Vec::new();
    for (what, release, words) in cases {
        match try_create(&client, &release).await? {
            Ok(_) => wrong.push(format!("{what}: was accepted")),
            Err(message) if message.contains(words) => {}
            Err(message) => wrong.push(format!("{what}: {message:?} does not say {words:?}")),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn the_release_that_the_cases_start_from_is_good() -> Result<()> {
    let client = test_client().await?;
    try_create(&client, &exchange("1.0.0")).await?.unwrap();
    assert!(
        try_create(&client, &with("/spec/restart", json!("a")))
            .await?
            .is_ok()
    );
    Ok(())
}
