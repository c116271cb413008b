use anyhow::{Context, Result};
use changeover_apiserver_tests::{Sandbox, exchange, test_client};
use serde_json::{Value, json};

use super::{SERVICE, assert_refused, service, set, smoke, try_create, try_replace, with};

fn services(count: usize) -> Value {
    let all: Vec<Value> = (0..count)
        .map(|n| json!({"name": format!("s{n}"), "image": "localhost/a:1", "port": 8080}))
        .collect();
    with("/spec/services", json!(all))
}

#[tokio::test]
async fn services_are_named_and_counted() -> Result<()> {
    let same_name = with("/spec/services/1/name", json!("user"));
    assert_refused(vec![
        (
            "two services of one name",
            same_name,
            r#"spec.services[1]: Duplicate value: {"name":"user"}"#,
        ),
        (
            "no services",
            services(0),
            "spec.services in body should have at least 1 items",
        ),
        (
            "33 services",
            services(33),
            "spec.services: Too many: 33: must have at most 32 items",
        ),
        (
            "a name ending in -blue",
            service("name", json!("user-blue")),
            "must not end in -blue or -green",
        ),
        (
            "a name ending in -green",
            service("name", json!("user-green")),
            "must not end in -blue or -green",
        ),
        (
            "an upper-case name",
            service("name", json!("User")),
            "followed by lower-case letters, digits and dashes",
        ),
        (
            "a name with a digit first",
            service("name", json!("2fa")),
            "starts with a letter",
        ),
        (
            "a long name",
            service("name", json!("a".repeat(31))),
            "name: Too long: may not be more than 30 bytes",
        ),
        (
            "no image",
            service("image", Value::Null),
            "spec.services[0].image: Required value",
        ),
        (
            "an image with a space",
            service("image", json!("localhost/a b")),
            "an image has no spaces",
        ),
        (
            "no pods",
            service("replicas", json!(0)),
            "replicas in body should be greater than or equal to 1",
        ),
    ])
    .await
}

#[tokio::test]
async fn the_release_is_named_so_that_children_can_be_named_after_it() -> Result<()> {
    let mut together = with("/metadata/name", json!("e".repeat(40)));
    set(
        &mut together,
        "/spec/services/0/name",
        json!("a".repeat(17)),
    );
    assert_refused(vec![
        (
            "too long together",
            together,
            "together may have at most 56 characters: choose shorter ones",
        ),
        (
            "too long",
            with("/metadata/name", json!("e".repeat(53))),
            "name may have at most 52 characters",
        ),
        (
            "upper case",
            with("/metadata/name", json!("Exchange")),
            "must consist of lower case alphanumeric characters",
        ),
        (
            "a dot",
            with("/metadata/name", json!("ex.change")),
            "must start with a letter, followed by lower-case letters, digits and dashes",
        ),
        (
            "a digit first",
            with("/metadata/name", json!("1change")),
            "must start with a letter",
        ),
        (
            "a version with a space",
            with("/spec/version", json!("1 0")),
            "such as 1.5.0",
        ),
        (
            "no version",
            with("/spec/version", json!("")),
            "spec.version in body should be at least 1 chars long",
        ),
    ])
    .await
}

#[tokio::test]
async fn ports_are_in_range_and_apart() -> Result<()> {
    assert_refused(vec![
        (
            "port 0",
            service("port", json!(0)),
            "port in body should be greater than or equal to 1",
        ),
        (
            "port 70000",
            service("port", json!(70000)),
            "port in body should be less than or equal to 65535",
        ),
        (
            "adminPort 0",
            service("adminPort", json!(0)),
            "adminPort in body should be greater than or equal to 1",
        ),
        (
            "adminPort 70000",
            service("adminPort", json!(70000)),
            "adminPort in body should be less than or equal to 65535",
        ),
        (
            "one port for both",
            service("adminPort", json!(8080)),
            "adminPort must differ from port",
        ),
    ])
    .await
}

#[tokio::test]
async fn ports_stay_as_they_are() -> Result<()> {
    let sandbox = Sandbox::new().await?;
    let client = test_client().await?;
    let made = sandbox.apply(&exchange("1.0.0")).await?;
    let made = serde_json::to_value(made)?;
    let change = |field: &str, value: Value| {
        let mut changed = made.clone();
        set(&mut changed, &format!("{SERVICE}/{field}"), value);
        changed
    };
    let cases = [
        (
            "port",
            json!(8081),
            "port cannot change while clients may use it: add a service under a new name",
        ),
        (
            "adminPort",
            json!(9091),
            "adminPort cannot change: add a service under a new name",
        ),
        (
            "adminPort",
            Value::Null,
            "adminPort cannot change: add a service under a new name",
        ),
    ];
    for (field, value, words) in cases {
        let answer = try_replace(&client, &change(field, value)).await?;
        let message = answer
            .err()
            .with_context(|| format!("a changed {field} was accepted"))?;
        assert!(message.contains(words), "{message}");
    }
    try_replace(&client, &change("image", json!("localhost/other:1")))
        .await?
        .unwrap();
    sandbox.finish().await
}

#[tokio::test]
async fn durations_are_readable_and_in_order() -> Result<()> {
    let mut cases = Vec::new();
    for deadline in ["progressDeadline", "switchDeadline", "verification/timeout"] {
        for bad in [
            "10", "-5s", "abc", "", "1e3s", "0s", "0ns", "999ms", "600s1ns", "60s5us",
        ] {
            let release = with(&format!("/spec/{deadline}"), json!(bad));
            cases.push((
                deadline,
                release,
                "must be a duration of at least 1s, such as 90s or 1h30m",
            ));
        }
    }
    for window in ["rollbackWindow", "keepFailed"] {
        for bad in ["10", "-5s", "abc", "600s1ns", "0ns1s"] {
            let release = with(&format!("/spec/{window}"), json!(bad));
            cases.push((
                window,
                release,
                "must be a duration such as 0s, 90s or 1h30m",
            ));
        }
    }
    let timeout = smoke(json!({"path": "/", "timeout": "0s"}));
    cases.push((
        "a probe without time",
        timeout,
        "must be a duration of at least 1s",
    ));
    let switch = with("/spec/switchDeadline", json!("61s"));
    cases.push((
        "a long switch",
        switch,
        "switchDeadline must not be longer than progressDeadline",
    ));
    let timeout = with("/spec/verification/timeout", json!("61s"));
    cases.push((
        "long probes",
        timeout,
        "verification.timeout must not be longer than progressDeadline",
    ));
    assert_refused(cases).await
}

#[tokio::test]
async fn an_unreadable_duration_is_told_once() -> Result<()> {
    let client = test_client().await?;
    let release = with("/spec/progressDeadline", json!("soon"));
    let message = try_create(&client, &release).await?.unwrap_err();
    assert_eq!(message.matches("spec").count(), 1, "{message}");
    Ok(())
}
