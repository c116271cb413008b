//! Signing keys: tokens outlive a change of colour, a restart and a rotation.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use std::time::Duration;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exchange_testkit::{Exchange, ServiceProcess, eventually};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use support::*;

/// The ids of the published keys.
async fn published(at: &ServiceProcess) -> Result<Vec<String>> {
    let set: Value = reqwest::get(at.url("/.well-known/jwks.json"))
        .await?
        .json()
        .await?;
    let keys = set["keys"].as_array().unwrap();
    for key in keys {
        assert_eq!(
            (&key["kty"], &key["crv"]),
            (&"OKP".into(), &"Ed25519".into())
        );
        assert!(key.get("d").is_none(), "the private part stays private");
    }
    Ok(keys
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect())
}

/// The id of the key that signed a token.
fn kid(token: &str) -> Result<String> {
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap())?;
    let head: Value = serde_json::from_slice(&head)?;
    Ok(head["kid"].as_str().unwrap().to_owned())
}

/// Makes all keys older, as if so much time had passed.
async fn pass(colours: &Colours, time: &str) -> Result<()> {
    let statement = "UPDATE users.signing_keys SET created_at = created_at - $1::interval";
    sqlx::query(statement)
        .bind(time)
        .execute(&mut colours.postgres.look().await?)
        .await?;
    Ok(())
}

async fn is_accepted(at: &ServiceProcess, token: &str) -> Result<bool> {
    Ok(get(at, "/v1/users/me", token).await?.0 == StatusCode::OK)
}

#[tokio::test]
async fn tokens_outlive_a_change_of_colour_and_a_rotation() -> Result<()> {
    let mut colours = Colours::start().await?;
    let credentials = register(&colours.blue).await?;
    let operator = operator(&colours.postgres, &colours.blue).await?;
    let before = log_in(&colours.blue, &credentials).await?;
    let first = kid(token(&before))?;

    let rotate = |at: &ServiceProcess| {
        let url = at.url("/v1/keys");
        send(Method::POST, url, Some(token(&operator)), None)
    };
    let (status, made) = rotate(&colours.green).await?;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let second = made["kid"].as_str().unwrap().to_owned();
    assert_eq!(
        published(&colours.blue).await?,
        [first.clone(), second.clone()]
    );
    let meanwhile = log_in(&colours.green, &credentials).await?;
    assert_eq!(
        kid(token(&meanwhile))?,
        first,
        "a key is published before it signs"
    );

    pass(&colours, "3 minutes").await?;
    let after = log_in(&colours.blue, &credentials).await?;
    assert_eq!(kid(token(&after))?, second);

    // Blue leaves, and comes back as a new process.
    colours.blue = user(&colours.postgres, "blue").await?;
    for session in [&before, &meanwhile, &after] {
        for colour in [&colours.blue, &colours.green] {
            // A key that it does not know, a process looks up once a second at most.
            let accepted = async || {
                is_accepted(colour, token(session))
                    .await
                    .is_ok_and(|accepted| accepted)
            };
            assert!(eventually(Duration::from_secs(5), accepted).await);
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_old_key_is_replaced_in_time_and_goes_once_its_tokens_have_expired() -> Result<()> {
    let mut colours = Colours::start().await?;
    let first = published(&colours.blue).await?;
    pass(&colours, "30 days").await?;
    colours.blue = user(&colours.postgres, "blue").await?;
    let both = published(&colours.green).await?;
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    pass(&colours, "26 hours").await?;
    colours.blue = user(&colours.postgres, "blue").await?;
    assert_eq!(published(&colours.green).await?, [both[1].clone()]);
    Ok(())
}

#[tokio::test]
async fn a_withdrawn_key_signs_nobody_in_any_more() -> Result<()> {
    let colours = Colours::start().await?;
    let credentials = register(&colours.blue).await?;
    let operator = operator(&colours.postgres, &colours.blue).await?;
    let session = log_in(&colours.blue, &credentials).await?;
    let old = kid(token(&session))?;
    let withdraw = async |who: &Value| {
        let url = colours.blue.url(&format!("/v1/keys/{old}"));
        send(Method::DELETE, url, Some(token(who)), None).await
    };
    let (status, _) = withdraw(&session).await?;
    assert_eq!(status, StatusCode::FORBIDDEN, "a trader may not");
    let (status, _) = withdraw(&operator).await?;
    assert_eq!(status, StatusCode::NO_CONTENT);

    let new = log_in(&colours.green, &credentials).await?;
    assert_ne!(kid(token(&new))?, old);
    // A process that never saw the key refuses it at once, the others within a minute.
    let fresh = user(&colours.postgres, "green").await?;
    assert!(is_accepted(&fresh, token(&new)).await?);
    assert!(!is_accepted(&fresh, token(&session)).await?);
    Ok(())
}

#[tokio::test]
async fn other_services_take_tokens_of_a_new_key() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = exchange.sign_up().await?;
    let operator = exchange.operator().await?;
    let url = exchange.user.url("/v1/keys");
    let (status, made) = send(Method::POST, url, Some(&operator.token), None).await?;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let age = "UPDATE users.signing_keys SET created_at = created_at - interval '3 minutes'";
    sqlx::query(age)
        .execute(&mut exchange.postgres.look().await?)
        .await?;
    let bob = exchange.sign_up().await?;
    assert_eq!(kid(&bob.token)?, made["kid"].as_str().unwrap());
    for trader in [&ada, &bob] {
        let balances = async || {
            let url = exchange.trade.url("/v1/balances");
            exchange
                .get(url, trader)
                .await
                .is_ok_and(|answer| answer.0 == StatusCode::OK)
        };
        assert!(eventually(Duration::from_secs(5), balances).await);
    }
    Ok(())
}
