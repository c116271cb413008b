//! The register of personal data says of every column that is kept what it is, and what it says is true.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test as the tests themselves do"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use exchange_testkit::{Exchange, PASSWORD, Trader};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use support::*;

type Register = BTreeMap<String, Table>;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    why: Option<String>,
    basis: Option<Basis>,
    kept: Option<String>,
    on_erasure: Option<OnErasure>,
    #[serde(default)]
    personal: BTreeMap<String, Column>,
    #[serde(default)]
    not_personal: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Basis {
    Contract,
    Consent,
    #[serde(rename = "legal duty")]
    LegalDuty,
    #[serde(rename = "legitimate interest")]
    LegitimateInterest,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum OnErasure {
    Delete,
    Keep,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    what: String,
    export: Option<String>,
    withheld: Option<String>,
}

fn register() -> Result<Register> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../personal-data.yaml");
    Ok(serde_yaml_ng::from_str(&std::fs::read_to_string(path)?)?)
}

/// Every column of every table of the three services.
async fn schema(exchange: &Exchange) -> Result<BTreeSet<String>> {
    let statement = "SELECT table_schema || '.' || table_name || '.' || column_name
         FROM information_schema.columns
         WHERE table_schema NOT IN ('pg_catalog', 'information_schema')";
    let mut database = exchange.postgres.look().await?;
    let columns: Vec<String> = sqlx::query_scalar(statement)
        .fetch_all(&mut database)
        .await?;
    Ok(columns.into_iter().collect())
}

#[tokio::test]
async fn every_column_is_in_the_register_as_personal_or_not() -> Result<()> {
    let exchange = Exchange::start().await?;
    let mut listed = BTreeSet::new();
    for (name, table) in register()? {
        let personal = table.personal.keys();
        for column in personal.chain(&table.not_personal) {
            let column = format!("{name}.{column}");
            assert!(listed.insert(column.clone()), "{column} is listed twice");
        }
        let reasons = table.why.is_some() && table.basis.is_some() && table.kept.is_some();
        let said = reasons && table.on_erasure.is_some();
        assert!(
            said || table.personal.is_empty(),
            "{name}: say why, basis, kept, on-erasure"
        );
        for (column, about) in &table.personal {
            let shown = about.export.is_some() != about.withheld.is_some();
            assert!(
                shown && !about.what.is_empty(),
                "{name}.{column}: say export or withheld"
            );
        }
    }
    let schema = schema(&exchange).await?;
    let missing: Vec<_> = schema.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "not in services/personal-data.yaml: {missing:?}"
    );
    let gone: Vec<_> = listed.difference(&schema).collect();
    assert!(gone.is_empty(), "no longer in the schema: {gone:?}");
    Ok(())
}

/// Someone about whom something stands in every table.
async fn someone(exchange: &Exchange) -> Result<Trader> {
    let (ada, bob) = (exchange.sign_up().await?, exchange.sign_up().await?);
    let token = Some(ada.token.as_str());
    let me = exchange.user.url("/v1/users/me");
    for name in ["Ada", "Ada Lovelace"] {
        let name = json!({ "name": name });
        send(Method::PATCH, me.clone(), token, Some(&name)).await?;
    }
    let consent = json!({ "purpose": "research", "version": 1, "granted": true });
    let url = exchange.user.url("/v1/users/me/consents");
    send(Method::POST, url, token, Some(&consent)).await?;
    exchange.deposit(&ada, "EUR", "10").await?;
    exchange.deposit(&bob, "BTC", "1").await?;
    for (who, side) in [(&ada, "buy"), (&bob, "sell")] {
        let key = Uuid::new_v4().to_string();
        let order = exchange.order(&exchange.trade, who, &key, (side, "10", "1"));
        assert_eq!(order.await?.0, StatusCode::CREATED);
    }
    let wrong = json!({ "email": ada.email, "password": "wrong password" });
    post(&exchange.user, "/v1/sessions", &wrong).await?;
    let preferences = "INSERT INTO notification.preferences
         (user_id, fills, announcements, synthetic) VALUES ($1, true, false, false)";
    sqlx::query(preferences)
        .bind(ada.id.parse::<Uuid>()?)
        .execute(&mut exchange.postgres.look().await?)
        .await?;
    let told = async || {
        let url = exchange.notification.url("/v1/notifications");
        let inbox = exchange.get(url, &ada).await;
        inbox.is_ok_and(|(_, inbox)| inbox["notifications"][0].is_object())
    };
    assert!(exchange_testkit::eventually(std::time::Duration::from_secs(10), told).await);
    Ok(ada)
}

#[tokio::test]
async fn an_export_shows_what_the_register_says_and_an_erasure_deletes_it() -> Result<()> {
    let exchange = Exchange::start().await?;
    let ada = someone(&exchange).await?;
    let url = exchange.user.url("/v1/users/me/export");
    let (_, export) = exchange.get(url, &ada).await?;
    let register = register()?;
    for (name, table) in &register {
        for (column, about) in &table.personal {
            let Some(pointer) = &about.export else {
                continue;
            };
            let shown = export.pointer(pointer).unwrap_or(&Value::Null);
            assert!(
                !shown.is_null(),
                "{name}.{column} is not at {pointer} of {export:#}"
            );
        }
    }

    let lookup = "SELECT encode(email_lookup, 'hex') FROM users.accounts WHERE id = $1";
    let lookup: String = sqlx::query_scalar(lookup)
        .bind(ada.id.parse::<Uuid>()?)
        .fetch_one(&mut exchange.postgres.look().await?)
        .await?;
    let tables = async || -> Result<BTreeSet<String>> {
        let dump = dump(&exchange.postgres).await?;
        let hers = dump
            .lines()
            .filter(|line| line.contains(&ada.id) || line.contains(&lookup));
        Ok(hers
            .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
            .collect())
    };
    let before = tables().await?;
    let url = exchange.user.url("/v1/users/me/erasure");
    let proof = json!({ "password": PASSWORD });
    let erased = send(Method::POST, url, Some(&ada.token), Some(&proof));
    assert_eq!(erased.await?.0, StatusCode::NO_CONTENT);
    let after = tables().await?;
    for (name, table) in &register {
        if table.on_erasure == Some(OnErasure::Delete) {
            assert!(before.contains(name), "nothing was in {name} to be deleted");
            assert!(!after.contains(name), "something is left in {name}");
        }
    }
    let kept: BTreeSet<_> = register
        .iter()
        .filter(|(_, table)| table.on_erasure == Some(OnErasure::Keep))
        .map(|(name, _)| name.clone())
        .collect();
    let unsaid: Vec<_> = after.difference(&kept).collect();
    assert!(
        unsaid.is_empty(),
        "the register does not say that these are kept: {unsaid:?}"
    );
    Ok(())
}
