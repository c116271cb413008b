//! What every endpoint of user makes of bad input: a problem document that says what to do.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use anyhow::Result;
use exchange_platform::{SigningKey, Subject};
use exchange_testkit::{Exchange, PASSWORD, Trader};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use support::*;

/// An operation of the document: method, path with its parameters filled, and what it says of itself.
struct Operation {
    method: Method,
    path: String,
    about: Value,
}

impl Operation {
    fn request(&self, exchange: &Exchange, token: Option<&str>) -> RequestBuilder {
        let url = exchange.user.url(&self.path);
        let request = Client::new().request(self.method.clone(), url);
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn takes(&self, what: &str) -> bool {
        self.about.get(what).is_some()
    }
}

async fn operations(exchange: &Exchange) -> Result<Vec<Operation>> {
    let (_, document) = send(Method::GET, exchange.user.url("/openapi.json"), None, None).await?;
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, about) in item.as_object().unwrap() {
            let id = Uuid::new_v4().to_string();
            operations.push(Operation {
                method: method.to_uppercase().parse()?,
                path: path.replace("{id}", &id).replace("{kid}", &id),
                about: about.clone(),
            });
        }
    }
    Ok(operations)
}

/// Sends a request that must be refused with a problem document.
async fn refused(request: RequestBuilder, expected: u16) -> Result<Value> {
    let answer = request.send().await?;
    let (status, url) = (answer.status().as_u16(), answer.url().path().to_owned());
    let kind = answer.headers().get("content-type").cloned();
    let text = answer.text().await?;
    assert_eq!(status, expected, "{url}: {text}");
    assert_eq!(kind.unwrap(), "application/problem+json", "{url}");
    let problem: Value = serde_json::from_str(&text)?;
    assert_eq!(problem["status"], expected, "{url}");
    assert!(problem["type"].as_str().unwrap().starts_with("/problems/"));
    assert!(!problem["detail"].as_str().unwrap().is_empty(), "{url}");
    Ok(problem)
}

#[tokio::test]
async fn whoever_has_no_good_token_is_refused_everywhere() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    let subject = Subject {
        user: ada.id.parse()?,
        roles: vec!["operator".to_owned()],
        ..Subject::default()
    };
    let (kid, key) = SigningKey::generate()?;
    let foreign = SigningKey::from_pkcs8(kid, &key)?;
    let now = jsonwebtoken::get_current_timestamp();
    let bad = [
        String::new(),
        "a.b.c".to_owned(),
        ada.token.clone() + "x",
        exchange.token(&subject, -3600).await?,
        foreign.sign_for(subject, now, 600)?,
    ];
    let mut guarded = 0;
    for operation in operations(&exchange).await? {
        if !operation.takes("security") {
            continue;
        }
        guarded += 1;
        let tokens = bad.iter().map(|token| Some(token.as_str()));
        for token in tokens.chain([None]) {
            let request = operation.request(&exchange, token).json(&json!({}));
            refused(request, 401).await?;
        }
    }
    assert!(guarded >= 14, "only {guarded} endpoints ask who calls");
    Ok(())
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_refused_everywhere() -> Result<()> {
    let exchange = Exchange::start().await?;
    let operator = exchange.operator().await?;
    let token = Some(operator.token.as_str());
    let mut bodies = 0;
    for operation in operations(&exchange).await? {
        if !operation.takes("requestBody") {
            continue;
        }
        bodies += 1;
        let send = |body: String, kind: &str| {
            let request = operation.request(&exchange, token).body(body);
            request.header("content-type", kind.to_owned())
        };
        let unknown = json!({ "unheardOf": true }).to_string();
        let nested = "[".repeat(50_000);
        for (body, kind, expected) in [
            ("{".to_owned(), "application/json", 400),
            (String::new(), "application/json", 400),
            ("[]".to_owned(), "application/json", 400),
            ("\u{fffd}\0".to_owned(), "application/json", 400),
            (nested, "application/json", 400),
            (unknown, "application/json", 400),
            (" ".repeat(65 * 1024), "application/json", 413),
            (
                "email=a".to_owned(),
                "application/x-www-form-urlencoded",
                415,
            ),
        ] {
            refused(send(body, kind), expected).await?;
        }
    }
    assert!(bodies >= 8, "only {bodies} endpoints take a body");
    Ok(())
}

#[tokio::test]
async fn absurd_values_are_refused_with_a_reason() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    let long = "a".repeat(300);
    let register = |body: Value| {
        let request = Client::new().post(exchange.user.url("/v1/users"));
        request.json(&body)
    };
    for (email, password, name) in [
        ("no address", PASSWORD, "Ada"),
        ("a@b@c", PASSWORD, "Ada"),
        (&format!("{long}@example.org"), PASSWORD, "Ada"),
        ("a@example.org", "short", "Ada"),
        ("a@example.org", &long, "Ada"),
        ("a@example.org", PASSWORD, ""),
        ("a@example.org", PASSWORD, &long),
        ("a@example.org", PASSWORD, "A\u{7}da"),
    ] {
        let body = json!({ "email": email, "password": password, "name": name });
        let problem = refused(register(body), 422).await?;
        assert!(!problem.to_string().contains(&long), "nothing is echoed");
    }
    let operator = exchange.operator().await?;
    let get = |path: &str, who: &Trader| {
        let request = Client::new().get(exchange.user.url(path));
        request.bearer_auth(&who.token)
    };
    for path in [
        "/v1/audit-log?limit=-1",
        "/v1/audit-log?limit=99999999999",
        "/v1/audit-log?after=no-uuid",
    ] {
        refused(get(path, &operator), 400).await?;
    }
    let url = exchange.user.url("/v1/users/no-uuid/restriction");
    let request = Client::new().put(url).bearer_auth(&operator.token);
    refused(request, 404).await?;
    refused(get("/v1/users/me/export/all", &ada), 404).await?;
    let request = Client::new().delete(exchange.user.url("/v1/keys/%00"));
    refused(request.bearer_auth(&operator.token), 404).await?;
    let request = Client::new().delete(exchange.user.url("/v1/users/me"));
    refused(request.bearer_auth(&ada.token), 405).await?;
    Ok(())
}

#[tokio::test]
async fn nobody_reaches_other_peoples_data() -> Result<()> {
    let exchange = Exchange::start().await?;
    let (ada, eve) = (exchange.sign_up().await?, exchange.sign_up().await?);
    let as_eve = |method: Method, url: String| {
        let request = Client::new().request(method, url);
        request.bearer_auth(&eve.token)
    };
    let user = |path: &str| exchange.user.url(&path.replace("{id}", &ada.id));
    let roles = json!({ "roles": ["operator"] });
    for request in [
        as_eve(Method::PUT, user("/v1/users/{id}/roles")).json(&roles),
        as_eve(Method::PUT, user("/v1/users/{id}/restriction")),
        as_eve(Method::DELETE, user("/v1/users/{id}/restriction")),
        as_eve(Method::GET, user("/v1/audit-log?user={id}")),
        as_eve(Method::POST, user("/v1/keys")),
        as_eve(Method::DELETE, user("/v1/keys/{id}")),
    ] {
        let problem = refused(request, 403).await?;
        assert_eq!(problem["type"], "/problems/role");
    }
    for service in [&exchange.trade, &exchange.notification] {
        for (method, what) in [(Method::GET, "export"), (Method::POST, "erasure")] {
            let url = service.url(&format!("/internal/accounts/{}/{what}", ada.id));
            refused(as_eve(method, url), 403).await?;
        }
    }
    // With her own password nobody but herself is erased, and her token shows nobody else.
    let url = exchange.user.url("/v1/users/me/erasure");
    let proof = json!({ "password": PASSWORD });
    let (status, _) = send(Method::POST, url, Some(&eve.token), Some(&proof)).await?;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, me) = get(&exchange.user, "/v1/users/me", &ada.token).await?;
    assert_eq!((status, &me["email"]), (StatusCode::OK, &json!(ada.email)));

    // A token outlives the account of its user, and is good for nothing.
    for operation in operations(&exchange).await? {
        let own = operation.path.starts_with("/v1/users/me") || operation.path == "/v1/standing";
        if own && !operation.takes("requestBody") {
            refused(operation.request(&exchange, Some(&eve.token)), 401).await?;
        }
    }
    Ok(())
}
