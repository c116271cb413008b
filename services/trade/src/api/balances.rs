//! Balances and deposits of test funds.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use exchange_platform::{Caller, Problem};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::idempotency_key::IdempotencyKey;
use super::refused;
use crate::domain::money::{Asset, MoneyError, amount};
use crate::store::balances::{Balance, Deposit};
use crate::store::idempotency::Idempotency;
use crate::store::{Store, Written};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepositRequest {
    asset: String,
    amount: String,
}

#[derive(Serialize)]
struct DepositDocument {
    id: Uuid,
    asset: String,
    amount: Decimal,
}

#[derive(Serialize)]
pub struct Balances {
    balances: Vec<BalanceDocument>,
}

#[derive(Serialize)]
struct BalanceDocument {
    asset: String,
    available: Decimal,
    reserved: Decimal,
}

/// `POST /v1/deposits`
pub async fn deposit(
    store: Data<Store>,
    caller: Caller,
    key: IdempotencyKey,
    body: Json<DepositRequest>,
) -> Result<HttpResponse, Problem> {
    let invalid = |error: MoneyError| Problem::unprocessable("deposit", error.to_string());
    let asset: Asset = body.asset.parse().map_err(invalid)?;
    let amount = amount(&body.amount).map_err(invalid)?;
    let canonical = format!("deposit {} {}", asset.as_str(), amount.normalize());
    let key = Idempotency::new(caller.user, key.0, &canonical);
    Ok(
        match store.deposit(&key, asset, amount).await.map_err(refused)? {
            Written::Now(deposit) => HttpResponse::Created().json(document(deposit)),
            Written::Earlier(deposit) => HttpResponse::Ok().json(document(deposit)),
        },
    )
}

/// `GET /v1/balances`
pub async fn list(store: Data<Store>, caller: Caller) -> Result<Json<Balances>, Problem> {
    let balances = store.balances(caller.user).await?;
    let document = |balance: Balance| BalanceDocument {
        asset: balance.asset,
        available: balance.available.normalize(),
        reserved: balance.reserved.normalize(),
    };
    Ok(Json(Balances {
        balances: balances.into_iter().map(document).collect(),
    }))
}

fn document(deposit: Deposit) -> DepositDocument {
    DepositDocument {
        id: deposit.id,
        asset: deposit.asset,
        amount: deposit.amount,
    }
}
