//! What the exchange holds about a person, and what is left after their erasure, in all three services.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use std::time::Duration;

use anyhow::Result;
use exchange_testkit::{Exchange, PASSWORD, ServiceProcess, Trader, eventually};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use support::*;

const NAME: &str = "Canary Lovelace";

/// Someone with a name, a consent, funds, and half of an order filled by `other`.
async fn trader(exchange: &Exchange, other: &Trader) -> Result<Trader> {
    let trader = exchange.sign_up().await?;
    let (user, token) = (&exchange.user, Some(trader.token.as_str()));
    let name = json!({ "name": NAME });
    let (status, _) = send(Method::PATCH, user.url("/v1/users/me"), token, Some(&name)).await?;
    assert_eq!(status, StatusCode::OK);
    let consent = json!({ "purpose": "research", "version": 1, "granted": true });
    let url = user.url("/v1/users/me/consents");
    let (status, _) = send(Method::POST, url, token, Some(&consent)).await?;
    assert_eq!(status, StatusCode::CREATED);
    exchange.deposit(&trader, "EUR", "100").await?;
    exchange.deposit(other, "BTC", "1").await?;
    for (who, side, quantity) in [(&trader, "buy", "2"), (other, "sell", "1")] {
        let key = Uuid::new_v4().to_string();
        let order = exchange.order(&exchange.trade, who, &key, (side, "10", quantity));
        assert_eq!(order.await?.0, StatusCode::CREATED);
    }
    let told = async || {
        let url = exchange.notification.url("/v1/notifications");
        let (_, inbox) = exchange.get(url, &trader).await.unwrap();
        inbox["notifications"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    };
    assert!(eventually(Duration::from_secs(10), told).await);
    Ok(trader)
}

async fn export(exchange: &Exchange, trader: &Trader) -> Result<Answer> {
    let url = exchange.user.url("/v1/users/me/export");
    exchange.get(url, trader).await
}

async fn erase(at: &ServiceProcess, trader: &Trader, password: &str) -> Result<StatusCode> {
    let url = at.url("/v1/users/me/erasure");
    let body = json!({ "password": password });
    Ok(send(Method::POST, url, Some(&trader.token), Some(&body))
        .await?
        .0)
}

#[tokio::test]
async fn an_export_holds_everything_of_one_person_and_nothing_of_others() -> Result<()> {
    let exchange = Exchange::start().await?;
    let bob = exchange.sign_up().await?;
    let ada = trader(&exchange, &bob).await?;
    let (status, all) = export(&exchange, &ada).await?;
    assert_eq!(status, StatusCode::OK, "{all}");
    let user = &all["user"];
    assert_eq!(
        (&user["account"]["email"], &user["account"]["name"]),
        (&json!(ada.email), &json!(NAME))
    );
    assert_eq!(user["consents"][0]["purpose"], "research");
    assert_eq!(user["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(user["auditLog"][1]["action"], "name-changed");
    assert_eq!(user["auditLog"][1]["previous"], "", "there was none");
    let entries = all["trade"]["entries"].as_array().unwrap();
    let kinds: Vec<&Value> = entries.iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["deposit", "order", "fill"]);
    let balances = all["trade"]["balances"].as_array().unwrap();
    let euros = balances.iter().find(|held| held["asset"] == "EUR");
    assert_eq!(euros.unwrap()["reserved"], "10");
    let told = all["notification"]["notifications"].as_array().unwrap();
    assert_eq!((told.len(), &told[0]["kind"]), (1, &json!("fill")));
    for others in [&bob.id, &bob.email] {
        assert!(!all.to_string().contains(others.as_str()));
    }

    // Longer than a page of either service.
    let mut database = exchange.postgres.look().await?;
    for statement in [
        "INSERT INTO trade.deposits (id, user_id, asset, amount)
         SELECT gen_random_uuid(), $1, 'EUR', 1 FROM generate_series(1, 2500)",
        "INSERT INTO notification.notifications (id, user_id, kind, payload, colour)
         SELECT gen_random_uuid(), $1, 'fill', '{}', 'blue' FROM generate_series(1, 2000)",
    ] {
        let id: Uuid = ada.id.parse()?;
        sqlx::query(statement)
            .bind(id)
            .execute(&mut database)
            .await?;
    }
    let (_, all) = export(&exchange, &ada).await?;
    assert_eq!(all["trade"]["entries"].as_array().unwrap().len(), 2503);
    let told = all["notification"]["notifications"].as_array().unwrap();
    assert_eq!(told.len(), 2001);
    Ok(())
}

#[tokio::test]
async fn an_export_that_is_not_whole_is_an_error() -> Result<()> {
    let mut exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    exchange.notification.terminate();
    let ended = exchange.notification.exit(Duration::from_secs(20));
    assert!(ended.await?.success());
    let (status, problem) = export(&exchange, &ada).await?;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
    assert_eq!(problem["type"], "/problems/dependency");
    Ok(())
}

#[tokio::test]
async fn after_an_erasure_only_trades_of_a_pseudonym_are_left() -> Result<()> {
    let exchange = Exchange::start().await?;
    let green = user_beside(&exchange, "green").await?;
    let bob = exchange.sign_up().await?;
    let ada = trader(&exchange, &bob).await?;
    let before = dump(&exchange.postgres).await?;
    assert!(!before.contains(&ada.email), "emails are kept sealed");
    let (key, sealed) = sealed_name(&exchange, &ada).await?;
    assert_eq!(
        erase(&green, &ada, "wrong password").await?,
        StatusCode::FORBIDDEN
    );
    assert_eq!(erase(&green, &ada, PASSWORD).await?, StatusCode::NO_CONTENT);

    let login = json!({ "email": ada.email, "password": PASSWORD });
    for colour in [&exchange.user, &green] {
        for path in ["/v1/users/me", "/v1/standing", "/v1/users/me/export"] {
            let (status, _) = get(colour, path, &ada.token).await?;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        }
        let (status, _) = post(colour, "/v1/sessions", &login).await?;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let after = dump(&exchange.postgres).await?;
    let of_ada: Vec<&str> = after
        .lines()
        .filter(|line| line.contains(&ada.id))
        .collect();
    let tables = |table: &str| of_ada.iter().filter(|line| line.starts_with(table)).count();
    for (table, left) in [
        ("users.accounts ", 0),
        ("users.person_keys ", 0),
        ("users.sessions ", 0),
        ("notification.notifications ", 0),
        ("trade.outbox ", 0),
        ("trade.idempotency_keys ", 0),
        ("users.consents ", 1),
        ("trade.deposits ", 1),
        ("trade.orders ", 1),
    ] {
        assert_eq!(tables(table), left, "{table}");
    }
    // What an old copy of the tables may hold opens with the key alone, and that is nowhere now.
    assert!(before.contains(&key) && before.contains(&sealed));
    assert!(!after.contains(&key));
    assert!(erasure_is_complete(&exchange, &ada).await?);
    // The email is free again, for another account.
    let (status, again) = post(&green, "/v1/users", &login).await?;
    assert_eq!(status, StatusCode::CREATED);
    assert_ne!(again["id"], ada.id);
    Ok(())
}

/// Someone's key and sealed name, as they stand in a dump.
async fn sealed_name(exchange: &Exchange, trader: &Trader) -> Result<(String, String)> {
    let statement = "SELECT encode(key, 'hex'), encode(name_sealed, 'hex')
         FROM users.accounts JOIN users.person_keys ON user_id = id WHERE id = $1";
    Ok(sqlx::query_as(statement)
        .bind(trader.id.parse::<Uuid>()?)
        .fetch_one(&mut exchange.postgres.look().await?)
        .await?)
}

async fn erasure_is_complete(exchange: &Exchange, trader: &Trader) -> Result<bool> {
    let statement = "SELECT completed_at IS NOT NULL FROM users.erasures WHERE user_id = $1";
    Ok(sqlx::query_scalar(statement)
        .bind(trader.id.parse::<Uuid>()?)
        .fetch_one(&mut exchange.postgres.look().await?)
        .await?)
}

#[tokio::test]
async fn an_erasure_that_trade_did_not_hear_of_is_brought_to_its_end() -> Result<()> {
    let exchange = Exchange::start().await?;
    let bob = exchange.sign_up().await?;
    let ada = trader(&exchange, &bob).await?;
    let (url, notification) = (exchange.postgres.url(), exchange.notification.url(""));
    let cut_off = [
        ("DATABASE_URL", url.as_str()),
        // Nobody listens there.
        ("TRADE_URL", "http://127.0.0.1:1"),
        ("NOTIFICATION_URL", notification.as_str()),
    ];
    let cut_off = ServiceProcess::start("user-service", &cut_off).await?;
    assert_eq!(erase(&cut_off, &ada, PASSWORD).await?, StatusCode::ACCEPTED);
    let (status, _) = get(&exchange.user, "/v1/users/me", &ada.token).await?;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "user has forgotten her");
    assert!(!erasure_is_complete(&exchange, &ada).await?);

    let _the_other_colour = user_beside(&exchange, "green").await?;
    let complete = async || erasure_is_complete(&exchange, &ada).await.unwrap();
    assert!(eventually(Duration::from_secs(10), complete).await);
    let dump = dump(&exchange.postgres).await?;
    let told = |line: &str| line.starts_with("notification.notifications ");
    assert!(
        !dump
            .lines()
            .any(|line| told(line) && line.contains(&ada.id))
    );
    Ok(())
}

#[tokio::test]
async fn an_erasure_in_the_middle_of_logins_is_complete_in_both_colours() -> Result<()> {
    let exchange = Exchange::start().await?;
    let green = user_beside(&exchange, "green").await?;
    let ada = exchange.sign_up().await?;
    let login = json!({ "email": ada.email, "password": PASSWORD });
    let logins = async |colour: &ServiceProcess| -> Result<()> {
        for _ in 0..20 {
            let answer = Client::new().post(colour.url("/v1/sessions")).json(&login);
            let status = answer.send().await?.status().as_u16();
            assert!([201, 401, 429].contains(&status), "{status}");
        }
        Ok(())
    };
    let erasing = async {
        let begun = async || {
            let sessions = "SELECT count(*) FROM users.sessions";
            let mut database = exchange.postgres.look().await.unwrap();
            let count = sqlx::query_scalar::<_, i64>(sessions).fetch_one(&mut database);
            count.await.unwrap() > 3
        };
        assert!(eventually(Duration::from_secs(20), begun).await);
        erase(&green, &ada, PASSWORD).await
    };
    let (one, two, erased) = tokio::join!(logins(&exchange.user), logins(&green), erasing);
    one?;
    two?;
    assert_eq!(erased?, StatusCode::NO_CONTENT);
    let dump = dump(&exchange.postgres).await?;
    let left = |table: &str| dump.lines().filter(|line| line.starts_with(table)).count();
    assert_eq!((left("users.sessions "), left("users.accounts ")), (0, 0));
    Ok(())
}
