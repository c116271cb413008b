//! Balances, and deposits and withdrawals of test funds.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, post};
use exchange_platform::{Caller, Problem};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::idempotency_key::IdempotencyKey;
use super::refused::refused;
use crate::domain::money::{Asset, MoneyError, amount};
use crate::store::balances::Balance;
use crate::store::funds::{NewTransfer, Transfer};
use crate::store::idempotency::Idempotency;
use crate::store::{Store, Written};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    #[schema(example = "EUR")]
    asset: String,
    /// Above 0, with at most 8 decimals
    #[schema(example = "100.00")]
    amount: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Transfer)]
struct TransferDocument {
    id: Uuid,
    asset: String,
    amount: Decimal,
}

#[derive(Serialize, ToSchema)]
pub struct Balances {
    balances: Vec<BalanceDocument>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Balance)]
struct BalanceDocument {
    asset: String,
    available: Decimal,
    /// Held for orders in the book
    reserved: Decimal,
}

/// Deposit test funds
#[utoipa::path(
    params(IdempotencyKey),
    request_body = TransferRequest,
    responses(
        (status = 201, body = TransferDocument),
        (status = 200, description = "Done earlier, under the same key", body = TransferDocument)
    ),
    security(("token" = []))
)]
#[post("/v1/deposits")]
pub async fn deposit(
    store: Data<Store>,
    caller: Caller,
    key: IdempotencyKey,
    body: Json<TransferRequest>,
) -> Result<HttpResponse, Problem> {
    let transfer = parse(&body, &caller, "deposit")?;
    let key = idempotency("deposit", &caller, key, &transfer);
    let deposit = store.deposit(&key, &transfer).await.map_err(refused)?;
    Ok(answer(deposit))
}

/// Withdraw test funds
#[utoipa::path(
    params(IdempotencyKey),
    request_body(
        content = TransferRequest,
        example = json!({ "asset": "EUR", "amount": "0.01" })
    ),
    responses(
        (status = 201, body = TransferDocument),
        (status = 200, description = "Done earlier, under the same key", body = TransferDocument)
    ),
    security(("token" = []))
)]
#[post("/v1/withdrawals")]
pub async fn withdraw(
    store: Data<Store>,
    caller: Caller,
    key: IdempotencyKey,
    body: Json<TransferRequest>,
) -> Result<HttpResponse, Problem> {
    let transfer = parse(&body, &caller, "withdrawal")?;
    let key = idempotency("withdrawal", &caller, key, &transfer);
    let withdrawal = store.withdraw(&key, &transfer).await.map_err(refused)?;
    Ok(answer(withdrawal))
}

/// What the caller holds
#[utoipa::path(responses((status = 200, body = Balances)), security(("token" = [])))]
#[get("/v1/balances")]
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

fn parse(
    body: &TransferRequest,
    caller: &Caller,
    kind: &'static str,
) -> Result<NewTransfer, Problem> {
    let invalid = |error: MoneyError| Problem::unprocessable(kind, error.to_string());
    Ok(NewTransfer {
        asset: body.asset.parse().map_err(invalid)?,
        amount: amount(&body.amount).map_err(invalid)?,
        synthetic: caller.synthetic,
    })
}

fn idempotency(
    kind: &str,
    caller: &Caller,
    key: IdempotencyKey,
    transfer: &NewTransfer,
) -> Idempotency {
    let (asset, amount): (Asset, Decimal) = (transfer.asset, transfer.amount);
    let canonical = format!("{kind} {} {}", asset.as_str(), amount.normalize());
    Idempotency::new(caller.user, key.0, &canonical)
}

fn answer(written: Written<Transfer>) -> HttpResponse {
    let document = |transfer: Transfer| TransferDocument {
        id: transfer.id,
        asset: transfer.asset,
        amount: transfer.amount,
    };
    match written {
        Written::Now(transfer) => HttpResponse::Created().json(document(transfer)),
        Written::Earlier(transfer) => HttpResponse::Ok().json(document(transfer)),
    }
}
