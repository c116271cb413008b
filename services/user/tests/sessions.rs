//! Logins: how they begin, are prolonged and end, in both colours.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use anyhow::Result;
use exchange_testkit::{PASSWORD, Postgres, ServiceProcess};
use futures::future::{join_all, try_join_all};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use support::*;

async fn prolong(at: &ServiceProcess, refresh: &Value) -> Result<Answer> {
    let body = json!({ "refreshToken": refresh });
    post(at, "/v1/sessions/refresh", &body).await
}

#[tokio::test]
async fn a_session_is_prolonged_across_colours_and_a_used_token_ends_it() -> Result<()> {
    let Colours {
        postgres,
        blue,
        green,
    } = Colours::start().await?;
    let first = log_in(&blue, &register(&blue).await?).await?;
    let (status, second) = prolong(&green, &first["refreshToken"]).await?;
    assert_eq!(status, StatusCode::CREATED, "{second}");
    assert_eq!(second["userId"], first["userId"]);
    for session in [&first, &second] {
        assert_eq!(
            get(&blue, "/v1/users/me", token(session)).await?.0,
            StatusCode::OK
        );
    }
    // The answer may have been lost, so the token before is taken for a moment more.
    let (status, third) = prolong(&blue, &first["refreshToken"]).await?;
    assert_eq!(status, StatusCode::CREATED, "{third}");

    let later = "UPDATE users.sessions SET rotated_at = rotated_at - interval '2 minutes'";
    sqlx::query(later)
        .execute(&mut postgres.look().await?)
        .await?;
    let (status, problem) = prolong(&green, &first["refreshToken"]).await?;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{problem}");
    let (status, _) = prolong(&green, &third["refreshToken"]).await?;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "two people had the token");
    Ok(())
}

#[tokio::test]
async fn logging_out_ends_one_session_or_all() -> Result<()> {
    let Colours {
        postgres: _postgres,
        blue,
        green,
    } = Colours::start().await?;
    let credentials = register(&blue).await?;
    let (one, two, three) = tokio::try_join!(
        log_in(&blue, &credentials),
        log_in(&green, &credentials),
        log_in(&blue, &credentials),
    )?;
    let body = json!({ "refreshToken": one["refreshToken"] });
    for _ in 0..2 {
        let (status, _) = post(&green, "/v1/sessions/logout", &body).await?;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    let (status, _) = prolong(&blue, &one["refreshToken"]).await?;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, two) = prolong(&blue, &two["refreshToken"]).await?;
    assert_eq!(status, StatusCode::CREATED, "the others go on");

    let all = send(
        Method::DELETE,
        green.url("/v1/sessions"),
        Some(token(&two)),
        None,
    );
    assert_eq!(all.await?.0, StatusCode::NO_CONTENT);
    for session in [two, three] {
        let (status, _) = prolong(&blue, &session["refreshToken"]).await?;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    for nonsense in ["", "a.b", "00000000-0000-0000-0000-000000000000.AAAA"] {
        let (status, _) = prolong(&blue, &json!(nonsense)).await?;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    Ok(())
}

#[tokio::test]
async fn both_colours_together_give_an_email_ten_attempts() -> Result<()> {
    let Colours {
        postgres,
        blue,
        green,
    } = Colours::start().await?;
    let credentials = register(&blue).await?;
    let wrong = json!({ "email": credentials["email"], "password": "wrong password" });
    let tries = (0..10).map(|number| {
        let colour = if number % 2 == 0 { &blue } else { &green };
        post(colour, "/v1/sessions", &wrong)
    });
    for (status, problem) in try_join_all(tries).await? {
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{problem}");
    }
    for colour in [&blue, &green] {
        let answer = Client::new()
            .post(colour.url("/v1/sessions"))
            .json(&credentials);
        let answer = answer.send().await?;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        let seconds: u32 = answer.headers()["retry-after"].to_str()?.parse()?;
        assert!((1..=300).contains(&seconds), "{seconds}");
    }
    // An email without an account is no different, and others are not in the way.
    log_in(&green, &register(&green).await?).await?;

    let later = "UPDATE users.login_attempts SET began_at = began_at - interval '6 minutes'";
    sqlx::query(later)
        .execute(&mut postgres.look().await?)
        .await?;
    log_in(&blue, &credentials).await?;
    for _ in 0..10 {
        post(&blue, "/v1/sessions", &wrong).await?;
    }
    let (status, _) = post(&blue, "/v1/sessions", &wrong).await?;
    assert_eq!(
        status,
        StatusCode::TOO_MANY_REQUESTS,
        "counted anew from the success on"
    );
    Ok(())
}

#[tokio::test]
async fn more_people_than_memory_allows_are_asked_to_come_again() -> Result<()> {
    let postgres = Postgres::start().await?;
    let user = user(&postgres, "blue").await?;
    let http = Client::new();
    let register = |_| {
        let body = json!({ "email": email(), "password": PASSWORD });
        http.post(user.url("/v1/users")).json(&body).send()
    };
    let mut refused = 0;
    for answer in join_all((0..120).map(register)).await {
        let answer = answer?;
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.headers()["retry-after"], "1");
            let problem: Value = answer.json().await?;
            assert_eq!(problem["type"], "/problems/busy");
            refused += 1;
        } else {
            assert_eq!(answer.status(), StatusCode::CREATED);
        }
    }
    assert!(
        (1..=86).contains(&refused),
        "{refused} refused; 34 at least are served"
    );
    let peak = user.peak_memory()?;
    assert!(peak < 64 * 1024, "{peak} KiB");
    Ok(())
}
