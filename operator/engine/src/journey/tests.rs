use std::time::Duration;

use changeover_crds::Journey;
use serde_json::{Value, from_value, json};

use super::{Next, NoReply, Outgoing, Reply, Walk};
use crate::question::JourneyRun;

const SEED: [u8; 16] = [7; 16];

fn journey(steps: Value) -> Journey {
    from_value(json!({"name": "trade", "steps": steps})).unwrap()
}

fn walk(steps: Value) -> Walk {
    walk_from(steps, SEED)
}

fn walk_from(steps: Value, seed: [u8; 16]) -> Walk {
    Walk::new(run(steps, Duration::MAX), seed)
}

fn run(steps: Value, limit: Duration) -> JourneyRun {
    JourneyRun {
        journey: journey(steps),
        hosts: vec![("user".to_owned(), "10.0.0.7".to_owned(), 8080)],
        limit,
    }
}

fn reply(status: u16, body: &Value) -> Result<Reply, NoReply> {
    Ok(Reply {
        status,
        headers: vec![("x-exchange-colour".to_owned(), "green".to_owned())],
        body: body.to_string().into_bytes(),
    })
}

fn no_reply(why: &str, is_unsent: bool) -> Result<Reply, NoReply> {
    let why = why.to_owned();
    Err(NoReply { why, is_unsent })
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn sent(walk: &mut Walk, now: Duration) -> Outgoing {
    match walk.next(now) {
        Next::Send(request) => *request,
        other => panic!("expected a request, got {other:?}"),
    }
}

fn failed(walk: &mut Walk) -> String {
    match walk.next(at(60_000)) {
        Next::Failed(why) => why,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// What a step with this expectation makes of an answer.
fn verdict(step: Value, answer: Result<Reply, NoReply>) -> Option<String> {
    let mut step = step;
    step["service"] = "user".into();
    step["path"] = "/v1/users/{{ random }}".into();
    let mut walk = walk(json!([step]));
    sent(&mut walk, at(0));
    walk.answered(answer, at(1));
    match walk.next(at(1)) {
        Next::Passed => None,
        _ => Some(failed(&mut walk)),
    }
}

#[test]
fn values_go_from_step_to_step() {
    let mut walk = walk(json!([
        {"service": "user", "method": "POST", "path": "/v1/users", "capture": {"id": "$.id", "count": "$.count"},
         "body": r#"{"email": "{{ random }}@probe.invalid", "password": {{ fresh.password | tojson }}}"#,
         "expect": {"status": 201}},
        {"service": "user", "path": "/v1/users/{{ id | urlencode }}?n={{ count }}",
         "headers": {"authorization": "Bearer {{ id }}"}, "timeout": "3s"},
    ]));
    let first = sent(&mut walk, at(0));
    assert_eq!((first.host.as_str(), first.port), ("10.0.0.7", 8080));
    assert_eq!((first.method, first.path.as_str()), ("POST", "/v1/users"));
    let json_type = ("content-type".to_owned(), "application/json".to_owned());
    assert_eq!(first.headers, [json_type]);
    let body: Value = serde_json::from_str(&first.body.unwrap()).unwrap();
    assert_ne!(body["password"], body["email"]);
    walk.answered(reply(201, &json!({"id": "a b&c", "count": 3})), at(5));

    let second = sent(&mut walk, at(5));
    assert_eq!(second.path, "/v1/users/a%20b%26c?n=3");
    let token = ("authorization".to_owned(), "Bearer a b&c".to_owned());
    assert_eq!(second.headers, [token]);
    assert_eq!(
        (second.body, second.timeout),
        (None, Duration::from_secs(3))
    );
    walk.answered(reply(200, &json!({})), at(9));
    assert!(matches!(walk.next(at(9)), Next::Passed));
}

#[test]
fn fresh_values_stay_the_same_in_a_run_and_differ_between_runs() {
    let steps = json!([{"service": "user", "path": "/{{ random }}/{{ fresh.a }}/{{ fresh.b }}/{{ fresh.random }}"}]);
    let mut walk = walk_from(steps.clone(), SEED);
    let path = sent(&mut walk, at(0)).path;
    assert_eq!(path, sent(&mut walk, at(1)).path);
    assert_ne!(path, sent(&mut walk_from(steps, [8; 16]), at(0)).path);
    let mut parts: Vec<&str> = path.split('/').skip(1).collect();
    assert!(parts.iter().all(|part| part.len() == 16), "{path}");
    parts.sort_unstable();
    parts.dedup();
    assert_eq!(parts.len(), 4, "{path}");
}

#[test]
fn a_failure_names_step_and_expectation_and_tells_no_value() {
    let secret = json!({"standing": "secret-standing", "list": [1, 2]});
    let hash = "body sha256 ";
    for (step, answer, expected) in [
        (
            json!({"expect": {"status": 201}}),
            reply(404, &secret),
            "expected status 201; got status 404",
        ),
        (
            json!({"expect": {"headers": {"X-Exchange-Colour": "blue"}}}),
            reply(200, &secret),
            "header X-Exchange-Colour to be blue",
        ),
        (
            json!({"expect": {"json": {"$.standing": "good"}}}),
            reply(200, &secret),
            r#"expected $.standing to be "good"; got status 200"#,
        ),
        (
            json!({"expect": {"json": {"$.list[*]": 1}}}),
            reply(200, &secret),
            "expected $.list[*] to be 1",
        ),
        (
            json!({"expect": {"json": {"$.standing": "{{ random }}"}}}),
            reply(200, &secret),
            r#"to be "{{ random }}""#,
        ),
        (
            json!({"capture": {"id": "$.id"}}),
            reply(200, &secret),
            "expected exactly one value at $.id",
        ),
        (
            json!({"capture": {"id": "$.id"}}),
            reply(200, &json!({"id": "secret".repeat(1000)})),
            "at most 4096 bytes at $.id",
        ),
    ] {
        let why = verdict(step, answer).unwrap();
        assert!(
            why.starts_with("journey trade, step 1 (user GET /v1/users/{{ random }}): "),
            "{why}"
        );
        assert!(why.contains(expected) && why.contains(hash), "{why}");
        assert!(!why.contains("secret"), "{why}");
    }
    let text = |body: &str| {
        Ok(Reply {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
        })
    };
    let why = verdict(json!({"capture": {"id": "$.id"}}), text("secret")).unwrap();
    assert!(
        why.contains("expected a JSON body; got status 200") && !why.contains("secret"),
        "{why}"
    );
    let why = verdict(json!({}), no_reply("connection reset", false)).unwrap();
    let expected = "): expected status 200; connection reset";
    assert!(why.ends_with(expected), "{why}");
}

#[test]
fn a_step_that_takes_all_the_time_there_is_for_the_run_is_named() {
    let steps = json!([
        {"service": "user", "path": "/a"},
        {"service": "user", "path": "/b", "timeout": "10s", "eventually": "1m"},
    ]);
    let mut unmet = Walk::new(run(steps.clone(), at(8_000)), SEED);
    assert_eq!(
        sent(&mut unmet, at(0)).timeout,
        at(8_000).min(sent(&mut walk(steps.clone()), at(0)).timeout)
    );
    unmet.answered(reply(200, &json!({})), at(3_000));
    assert_eq!(sent(&mut unmet, at(3_000)).timeout, at(5_000));
    unmet.answered(reply(500, &json!({})), at(3_100));
    assert!(matches!(unmet.next(at(3_200)), Next::Wait(until) if until == at(3_600)));
    sent(&mut unmet, at(3_600));
    unmet.answered(reply(500, &json!({})), at(7_600));
    let why = failed(&mut unmet);
    let named = why.contains("step 2 (user GET /b): expected status 200; got status 500");
    assert!(
        named && why.ends_with("; verification.timeout leaves it no more time"),
        "{why}"
    );

    let mut silent = Walk::new(run(steps, at(8_000)), SEED);
    sent(&mut silent, at(0));
    silent.answered(no_reply("no answer within 8s", false), at(8_000));
    let why = failed(&mut silent);
    let named = why.contains("step 1 (user GET /a): expected status 200; no answer within 8s");
    assert!(named && why.ends_with("no more time"), "{why}");
}

#[test]
fn what_is_as_expected_passes() {
    let body = json!({"id": 5, "tags": ["a", {"b": "c"}], "ok": null});
    for expect in [
        json!({"status": 200}),
        json!({"headers": {"X-Exchange-Colour": "green"}}),
        json!({"json": {"$.id": 5, "$.ok": null, "$.tags": ["a", {"b": "c"}]}}),
        json!({"json": {"$.id": "{{ 2 + 3 }}", "$.tags": ["{{ 'a' }}", {"b": "{{ 'c' }}"}]}}),
    ] {
        assert_eq!(
            verdict(json!({"expect": expect}), reply(200, &body)),
            None,
            "{expect}"
        );
    }
    assert!(
        verdict(
            json!({"expect": {"json": {"$.id": "5"}}}),
            reply(200, &body)
        )
        .is_some()
    );
}

#[test]
fn a_step_is_repeated_until_it_is_as_expected() {
    let steps = json!([{"service": "user", "path": "/v1/inbox", "eventually": "2s", "expect": {"json": {"$.kind": "fill"}}}]);
    let mut walk = walk(steps.clone());
    sent(&mut walk, at(0));
    walk.answered(reply(200, &json!({"kind": "none"})), at(100));
    assert!(matches!(walk.next(at(100)), Next::Wait(until) if until == at(600)));
    sent(&mut walk, at(600));
    walk.answered(no_reply("connection reset", false), at(650));
    sent(&mut walk, at(1150));
    walk.answered(reply(200, &json!({"kind": "fill"})), at(1200));
    assert!(matches!(walk.next(at(1200)), Next::Passed));

    let mut walk = self::walk(steps);
    sent(&mut walk, at(1000));
    walk.answered(reply(500, &json!({})), at(2600));
    let why = failed(&mut walk);
    assert!(
        why.contains("expected status 200; got status 500") && why.ends_with("for 2s"),
        "{why}"
    );
}

#[test]
fn what_was_never_sent_is_tried_again_and_what_was_sent_is_not() {
    let steps = json!([{"service": "user", "path": "/v1/users", "timeout": "2s"}]);
    let mut refused = walk(steps.clone());
    sent(&mut refused, at(0));
    refused.answered(no_reply("connection refused", true), at(1));
    assert!(matches!(refused.next(at(1)), Next::Wait(until) if until == at(501)));
    sent(&mut refused, at(501));
    refused.answered(reply(200, &json!({})), at(502));
    assert!(matches!(refused.next(at(502)), Next::Passed));

    let mut refused = walk(steps.clone());
    sent(&mut refused, at(0));
    refused.answered(no_reply("connection refused", true), at(1900));
    assert!(failed(&mut refused).contains("connection refused, for 2s"));

    let mut reset = walk(steps);
    sent(&mut reset, at(0));
    reset.answered(no_reply("connection reset", false), at(1));
    assert!(failed(&mut reset).ends_with("connection reset"));
}

#[test]
fn a_template_cannot_hold_the_operator_up() {
    for path in [
        "/{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}",
        "/{{ 'x' * 100000000 }}",
        "/{{ random.missing }}",
    ] {
        let mut walk = walk(json!([{"service": "user", "path": path}]));
        assert!(
            failed(&mut walk).contains("path: the template failed"),
            "{path}"
        );
    }
    let mut walk = walk(json!([{"service": "user", "path": "/{% include '/etc/passwd' %}"}]));
    assert!(failed(&mut walk).contains("the template failed"));
}

#[test]
fn only_the_hosts_of_the_run_are_asked() {
    let mut walk = walk(json!([{"service": "trade", "path": "/"}]));
    assert!(failed(&mut walk).contains("service trade has no address"));
}
