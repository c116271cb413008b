//! Rights of the people whose data is held: consent, rectification, restriction.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use anyhow::Result;
use exchange_testkit::{Exchange, PASSWORD, Postgres, ServiceProcess};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use support::*;

async fn consent(
    at: &ServiceProcess,
    session: &Value,
    (purpose, version, granted): (&str, i32, bool),
) -> Result<Answer> {
    let url = at.url("/v1/users/me/consents");
    let body = json!({ "purpose": purpose, "version": version, "granted": granted });
    send(Method::POST, url, Some(token(session)), Some(&body)).await
}

async fn rectify(at: &ServiceProcess, session: &Value, change: &Value) -> Result<Answer> {
    let url = at.url("/v1/users/me");
    send(Method::PATCH, url, Some(token(session)), Some(change)).await
}

#[tokio::test]
async fn people_give_consent_to_a_text_they_saw_and_take_it_back() -> Result<()> {
    let Colours {
        postgres,
        blue,
        green,
    } = Colours::start().await?;
    let session = log_in(&blue, &register(&blue).await?).await?;
    let (_, purposes) = get_free(&blue, "/v1/purposes").await?;
    let asked = &purposes["purposes"][0];
    assert_eq!(
        (&asked["name"], &asked["version"]),
        (&json!("announcements"), &json!(1))
    );
    let granted = async |at: &ServiceProcess| -> Result<Value> {
        let (status, consents) = get(at, "/v1/users/me/consents", token(&session)).await?;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(consents["current"][0]["purpose"], "announcements");
        Ok(consents["current"][0]["granted"].clone())
    };
    assert_eq!(granted(&blue).await?, false, "silence is no consent");
    for (said, expected) in [
        (("announcements", 1, true), StatusCode::CREATED),
        (("announcements", 7, true), StatusCode::CONFLICT),
        (("gossip", 1, true), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let (status, answer) = consent(&blue, &session, said).await?;
        assert_eq!(status, expected, "{answer}");
    }
    assert_eq!(granted(&green).await?, true);
    consent(&green, &session, ("announcements", 1, false)).await?;
    assert_eq!(granted(&blue).await?, false);

    let (_, consents) = get(&blue, "/v1/users/me/consents", token(&session)).await?;
    let history = consents["history"].as_array().unwrap();
    assert_eq!((history.len(), &history[0]["granted"]), (2, &json!(true)));
    let mut database = postgres.look().await?;
    let rewrite = sqlx::query("UPDATE users.consents SET granted = true");
    assert!(rewrite.execute(&mut database).await.is_err(), "only grows");
    Ok(())
}

#[tokio::test]
async fn operators_find_out_who_agrees_page_by_page() -> Result<()> {
    let Colours { postgres, blue, .. } = Colours::start().await?;
    let mut agreeing = Vec::new();
    for said in [true, true, true, false] {
        let session = log_in(&blue, &register(&blue).await?).await?;
        consent(&blue, &session, ("announcements", 1, true)).await?;
        if said {
            agreeing.push(session["userId"].clone());
        } else {
            consent(&blue, &session, ("announcements", 1, false)).await?;
        }
    }
    agreeing.sort_by_key(ToString::to_string);
    // Of someone who agreed to an older text, and of a journey.
    let mut database = postgres.look().await?;
    for change in [
        "INSERT INTO users.consents (id, user_id, purpose, version, granted)
             SELECT 'ffffffff-ffff-7fff-bfff-ffffffffffff', id, 'announcements', 0, true
             FROM users.accounts WHERE id = $1::uuid",
        "UPDATE users.accounts SET synthetic = true WHERE id = $1::uuid",
    ] {
        let someone = agreeing.pop().unwrap();
        let change = sqlx::query(change).bind(someone.as_str().unwrap().to_owned());
        change.execute(&mut database).await?;
        let trader = log_in(&blue, &register(&blue).await?).await?;
        consent(&blue, &trader, ("announcements", 1, true)).await?;
        agreeing.push(trader["userId"].clone());
        agreeing.sort_by_key(ToString::to_string);
    }
    let operator = operator(&postgres, &blue).await?;
    let (mut found, mut path) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = format!("/internal/purposes/announcements/users{path}");
        let (status, page) = get(&blue, &page, token(&operator)).await?;
        assert_eq!(status, StatusCode::OK, "{page}");
        found.extend(page["users"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => path = format!("?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(found, agreeing);
    for (purpose, by, expected) in [
        ("gossip", &operator, StatusCode::NOT_FOUND),
        (
            "announcements",
            &log_in(&blue, &register(&blue).await?).await?,
            StatusCode::FORBIDDEN,
        ),
    ] {
        let path = format!("/internal/purposes/{purpose}/users");
        assert_eq!(get(&blue, &path, token(by)).await?.0, expected);
    }
    Ok(())
}

async fn get_free(at: &ServiceProcess, path: &str) -> Result<Answer> {
    send(Method::GET, at.url(path), None, None).await
}

#[tokio::test]
async fn people_correct_their_name_and_email() -> Result<()> {
    let Colours {
        postgres: _postgres,
        blue,
        green,
    } = Colours::start().await?;
    let credentials = register(&blue).await?;
    let other = register(&green).await?;
    let session = log_in(&blue, &credentials).await?;

    let (status, me) = rectify(&blue, &session, &json!({ "name": "Ada Lovelace" })).await?;
    assert_eq!(
        (status, &me["name"]),
        (StatusCode::OK, &json!("Ada Lovelace"))
    );
    let new = json!({ "email": email(), "password": PASSWORD });
    let taken = json!({ "email": other["email"], "password": PASSWORD });
    let unproven = json!({ "email": new["email"] });
    let wrong = json!({ "email": new["email"], "password": "wrong password" });
    for (change, expected) in [
        (&unproven, StatusCode::FORBIDDEN),
        (&wrong, StatusCode::FORBIDDEN),
        (&taken, StatusCode::CONFLICT),
        (&json!({}), StatusCode::UNPROCESSABLE_ENTITY),
        (&json!({ "name": "a\nb" }), StatusCode::UNPROCESSABLE_ENTITY),
        (
            &json!({ "email": "no", "password": PASSWORD }),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (&new, StatusCode::OK),
    ] {
        let (status, answer) = rectify(&green, &session, change).await?;
        assert_eq!(status, expected, "{change} {answer}");
    }
    let (status, _) = post(&blue, "/v1/sessions", &credentials).await?;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "the email before");
    let session = log_in(&blue, &new).await?;
    let (_, me) = get(&green, "/v1/users/me", token(&session)).await?;
    assert_eq!(
        (&me["email"], &me["name"]),
        (&new["email"], &json!("Ada Lovelace"))
    );

    let (_, me) = rectify(&blue, &session, &json!({ "name": "" })).await?;
    assert!(me.get("name").is_none(), "{me}");
    // The email before is free again.
    let (status, _) = post(&green, "/v1/users", &credentials).await?;
    assert_eq!(status, StatusCode::CREATED);
    Ok(())
}

#[tokio::test]
async fn whoever_is_restricted_does_not_trade_until_each_side_lifts_its_own() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    exchange.deposit(&ada, "EUR", "100").await?;
    let operator = exchange.operator().await?;
    let (own, operators) = (
        exchange.user.url("/v1/users/me/restriction"),
        exchange
            .user
            .url(&format!("/v1/users/{}/restriction", ada.id)),
    );
    let orders = async || -> Result<StatusCode> {
        let key = uuid::Uuid::new_v4().to_string();
        let order = exchange.order(&exchange.trade, &ada, &key, ("buy", "1", "1"));
        Ok(order.await?.0)
    };
    let steps = [
        (Method::PUT, &own, &ada, StatusCode::FORBIDDEN),
        (Method::PUT, &operators, &operator, StatusCode::FORBIDDEN),
        (Method::DELETE, &own, &ada, StatusCode::FORBIDDEN),
        (Method::DELETE, &operators, &operator, StatusCode::CREATED),
        (Method::PUT, &operators, &operator, StatusCode::FORBIDDEN),
        (Method::DELETE, &own, &ada, StatusCode::FORBIDDEN),
    ];
    assert_eq!(orders().await?, StatusCode::CREATED);
    for (method, url, by, expected) in steps {
        let (status, answer) = send(method, url.clone(), Some(&by.token), None).await?;
        assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
        assert_eq!(orders().await?, expected);
    }
    let (status, _) = send(Method::DELETE, operators, Some(&ada.token), None).await?;
    assert_eq!(status, StatusCode::FORBIDDEN, "only operators lift theirs");
    Ok(())
}

#[tokio::test]
async fn operators_see_who_did_what_and_nothing_personal() -> Result<()> {
    let postgres = Postgres::start().await?;
    let user = user(&postgres, "blue").await?;
    let credentials = register(&user).await?;
    let session = log_in(&user, &credentials).await?;
    rectify(&user, &session, &json!({ "name": "Ada Lovelace" })).await?;
    consent(&user, &session, ("announcements", 1, true)).await?;
    let operator = operator(&postgres, &user).await?;
    let id = session["userId"].as_str().unwrap();
    let read = async |by: &Value, query: &str| {
        let path = format!("/v1/audit-log?{query}");
        get(&user, &path, token(by)).await
    };
    let (status, log) = read(&operator, &format!("user={id}")).await?;
    assert_eq!(status, StatusCode::OK);
    let entries = log["entries"].as_array().unwrap();
    let actions: Vec<&Value> = entries.iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["registered", "name-changed", "consent-given"]);
    assert!(entries.iter().all(|entry| entry["actor"] == id));
    for personal in ["Ada", credentials["email"].as_str().unwrap()] {
        assert!(!log.to_string().contains(personal));
    }
    let (_, page) = read(&operator, "limit=1").await?;
    assert_eq!(page["next"], entries[0]["id"]);
    assert_eq!(read(&session, "").await?.0, StatusCode::FORBIDDEN);

    let mut database = postgres.look().await?;
    let rewrite = sqlx::query("UPDATE users.audit_log SET actor = NULL");
    assert!(rewrite.execute(&mut database).await.is_err(), "only grows");
    Ok(())
}
