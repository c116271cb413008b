//! Personal data stands in no log, no metric and no URL: planted, then searched for in everything that the
//! services wrote while every endpoint of user was called.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{Exchange, Postgres, eventually};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use support::*;

const EMAIL: &str = "Canary.Lovelace@Canary.Example";
const NEW_EMAIL: &str = "moved.canary@nest.example";
const NAME: &str = "Kanari Lovelace";
const PASSWORD: &str = "tweet-tweet-warble";
const WRONG: &str = "kanari-wrong-warble";

/// Calls endpoints, and remembers which.
struct Walk<'a> {
    exchange: &'a Exchange,
    called: BTreeSet<String>,
    /// What only the person and the service may know.
    secrets: Vec<String>,
}

impl Walk<'_> {
    async fn call(
        &mut self,
        operation: &str,
        fill: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Result<Value> {
        let (method, path) = operation.split_once(' ').unwrap();
        self.called.insert(operation.to_owned());
        let path = ["{id}", "{kid}", "{purpose}"]
            .iter()
            .fold(path.to_owned(), |path, of| path.replace(of, fill));
        let url = self.exchange.user.url(&path);
        let method: Method = method.parse()?;
        let (status, answer) = send(method, url, token, body.as_ref()).await?;
        assert!(!status.is_server_error(), "{operation}: {status} {answer}");
        for secret in ["token", "refreshToken"] {
            self.secrets
                .extend(answer[secret].as_str().map(str::to_owned));
        }
        Ok(answer)
    }

    async fn log_in(&mut self, email: &str, password: &str) -> Result<Value> {
        let body = json!({ "email": email, "password": password });
        self.call("POST /v1/sessions", "", None, Some(body)).await
    }
}

/// Everything that someone can do, right and wrong.
async fn live(walk: &mut Walk<'_>) -> Result<()> {
    let account = json!({ "email": EMAIL, "password": PASSWORD, "name": NAME });
    for _ in 0..2 {
        walk.call("POST /v1/users", "", None, Some(account.clone()))
            .await?;
    }
    let bad = json!({ "email": EMAIL, "password": PASSWORD, "name": [NAME], "who": NAME });
    walk.call("POST /v1/users", "", None, Some(bad)).await?;
    walk.log_in(EMAIL, WRONG).await?;
    let session = walk.log_in(EMAIL, PASSWORD).await?;
    let token = Some(session["token"].as_str().unwrap());
    for read in [
        "GET /v1/users/me",
        "GET /v1/standing",
        "GET /v1/users/me/consents",
    ] {
        walk.call(read, "", token, None).await?;
    }
    walk.call("GET /v1/purposes", "", None, None).await?;
    let said = json!({ "purpose": "announcements", "version": 1, "granted": true });
    walk.call("POST /v1/users/me/consents", "", token, Some(said))
        .await?;
    let taken = json!({ "email": walk.exchange.sign_up().await?.email, "password": PASSWORD });
    let moved = json!({ "email": NEW_EMAIL, "password": PASSWORD, "name": "Kanari" });
    for change in [json!({ "email": NAME, "name": NAME }), taken, moved] {
        walk.call("PATCH /v1/users/me", "", token, Some(change))
            .await?;
    }
    walk.call("PUT /v1/users/me/restriction", "", token, None)
        .await?;
    walk.call("DELETE /v1/users/me/restriction", "", token, None)
        .await?;
    let export = walk
        .call("GET /v1/users/me/export", "", token, None)
        .await?;
    assert!(export.to_string().contains(NAME), "it is there to be found");
    let refresh = json!({ "refreshToken": session["refreshToken"] });
    let next = walk
        .call("POST /v1/sessions/refresh", "", None, Some(refresh))
        .await?;
    let refresh = json!({ "refreshToken": next["refreshToken"] });
    walk.call("POST /v1/sessions/logout", "", None, Some(refresh))
        .await?;
    walk.call("DELETE /v1/sessions", "", token, None).await?;
    Ok(())
}

async fn operate(walk: &mut Walk<'_>, id: &str) -> Result<()> {
    let operator = walk.exchange.operator().await?;
    let token = Some(operator.token.as_str());
    let roles = json!({ "roles": ["trader"] });
    walk.call("PUT /v1/users/{id}/roles", id, token, Some(roles))
        .await?;
    walk.call("PUT /v1/users/{id}/restriction", id, token, None)
        .await?;
    walk.call("DELETE /v1/users/{id}/restriction", id, token, None)
        .await?;
    walk.call(
        "GET /internal/purposes/{purpose}/users",
        "announcements",
        token,
        None,
    )
    .await?;
    walk.call("GET /v1/audit-log", "", token, None).await?;
    let made = walk.call("POST /v1/keys", "", token, None).await?;
    let kid = made["kid"].as_str().unwrap();
    walk.call("DELETE /v1/keys/{kid}", kid, token, None).await?;
    for read in [
        "GET /.well-known/jwks.json",
        "GET /version",
        "GET /openapi.json",
    ] {
        walk.call(read, "", None, None).await?;
    }
    Ok(())
}

/// All operations in the document of user.
async fn operations(exchange: &Exchange) -> Result<BTreeSet<String>> {
    let (_, document) = send(Method::GET, exchange.user.url("/openapi.json"), None, None).await?;
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys();
        let named = methods.map(|method| format!("{} {path}", method.to_uppercase()));
        named.collect::<Vec<_>>()
    };
    Ok(paths.iter().flat_map(of).collect())
}

/// Logs and metrics of all three services, and all that user said to the others.
async fn written(exchange: &Exchange) -> Result<String> {
    let mut written = String::new();
    for service in [&exchange.user, &exchange.trade, &exchange.notification] {
        written.push_str(&service.output());
        let metrics = reqwest::get(service.admin("/metrics"))
            .await?
            .text()
            .await?;
        assert!(metrics.contains("exchange"), "{metrics}");
        written.push_str(&metrics);
    }
    for overheard in &exchange.overheard {
        written.push_str(&overheard.heard());
    }
    Ok(written)
}

#[tokio::test]
async fn no_personal_data_is_in_logs_metrics_or_urls() -> Result<()> {
    let exchange = Exchange::start_logging("trace").await?;
    let mut walk = Walk {
        exchange: &exchange,
        called: BTreeSet::new(),
        secrets: Vec::new(),
    };
    live(&mut walk).await?;
    let session = walk.log_in(NEW_EMAIL, PASSWORD).await?;
    let (id, token) = (&session["userId"], session["token"].as_str());
    operate(&mut walk, id.as_str().unwrap()).await?;
    for password in [WRONG, PASSWORD] {
        let proof = json!({ "password": password });
        walk.call("POST /v1/users/me/erasure", "", token, Some(proof))
            .await?;
    }
    assert_eq!(
        walk.called,
        operations(&exchange).await?,
        "every endpoint was called"
    );

    let written = written(&exchange).await?;
    assert!(
        written.contains("/internal/accounts/"),
        "URLs are in what is searched"
    );
    // Tokens go to the other services, which is what they are for.
    let heard = exchange
        .overheard
        .each_ref()
        .map(|relay| relay.heard())
        .concat();
    let logged = written.replace(&heard, "");
    for secret in &walk.secrets {
        assert!(!logged.contains(secret.as_str()), "a token was written");
    }
    let written = written.to_lowercase();
    for canary in [
        "canary.",
        "kanari",
        "lovelace",
        "nest.example",
        "tweet",
        "warble",
    ] {
        let line = written.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{canary}");
    }
    Ok(())
}

#[tokio::test]
async fn no_personal_data_is_in_what_is_logged_when_the_database_fails() -> Result<()> {
    let mut postgres = Postgres::start().await?;
    let user = user(&postgres, "blue").await?;
    let account = json!({ "email": EMAIL, "password": PASSWORD, "name": NAME });
    let broken = "ALTER TABLE users.accounts ADD CONSTRAINT broken CHECK (name_sealed IS NULL)";
    sqlx::query(broken)
        .execute(&mut postgres.look().await?)
        .await?;
    let register = || {
        Client::new()
            .post(user.url("/v1/users"))
            .json(&account)
            .send()
    };
    assert_eq!(register().await?.status().as_u16(), 500);
    postgres.stop();
    assert_eq!(register().await?.status().as_u16(), 503);
    let noticed = async || user.output().contains("the database did not answer");
    assert!(eventually(Duration::from_secs(5), noticed).await);
    let written = user.output().to_lowercase();
    assert!(written.contains("refused a statement"));
    for canary in ["canary", "lovelace", "tweet"] {
        let line = written.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{canary}");
    }
    Ok(())
}
