//! Balances and deposits.

use std::collections::HashMap;

use rust_decimal::Decimal;
use sqlx::{FromRow, PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use super::idempotency::Idempotency;
use super::{Store, WriteError, Written};
use crate::domain::money::{Asset, add};
use crate::domain::settlement::Changes;

/// What someone holds of an asset.
#[derive(FromRow)]
pub struct Balance {
    pub asset: String,
    pub available: Decimal,
    pub reserved: Decimal,
}

/// A deposit of test funds.
#[derive(FromRow)]
pub struct Deposit {
    pub id: Uuid,
    pub asset: String,
    pub amount: Decimal,
}

impl Store {
    pub async fn balances(&self, user: Uuid) -> Result<Vec<Balance>, sqlx::Error> {
        let statement = "SELECT asset, available, reserved FROM trade.balances
             WHERE user_id = $1 ORDER BY asset";
        query_as(statement).bind(user).fetch_all(&self.pool).await
    }

    /// Adds test funds to a balance.
    pub async fn deposit(
        &self,
        key: &Idempotency,
        asset: Asset,
        amount: Decimal,
    ) -> Result<Written<Deposit>, WriteError> {
        let mut transaction = self.pool.begin().await?;
        let id = Uuid::now_v7();
        if let Some(earlier) = key.claim(&mut transaction, id).await? {
            let statement =
                "SELECT id, asset, amount FROM trade.deposits WHERE id = $1 AND user_id = $2";
            let deposit = query_as(statement).bind(earlier).bind(key.user);
            let deposit = deposit.fetch_optional(&mut *transaction).await?;
            return deposit.map(Written::Earlier).ok_or(WriteError::KeyReused);
        }
        // A row for every asset, so that settling only ever updates.
        let statement = "INSERT INTO trade.balances (user_id, asset)
             SELECT $1, asset FROM unnest($2::text[]) AS asset ORDER BY asset ON CONFLICT DO NOTHING";
        let all: Vec<&str> = Asset::ALL.into_iter().map(Asset::as_str).collect();
        query(statement)
            .bind(key.user)
            .bind(all)
            .execute(&mut *transaction)
            .await?;
        let statement = "UPDATE trade.balances SET available = available + $3
             WHERE user_id = $1 AND asset = $2 RETURNING available + reserved - $3";
        let before: Decimal = query_scalar(statement)
            .bind(key.user)
            .bind(asset.as_str())
            .bind(amount)
            .fetch_one(&mut *transaction)
            .await?;
        add(before, amount)?;
        let statement = "INSERT INTO trade.deposits (id, user_id, asset, amount)
             VALUES ($1, $2, $3, $4) RETURNING id, asset, amount";
        let deposit = query_as(statement)
            .bind(id)
            .bind(key.user)
            .bind(asset.as_str())
            .bind(amount)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Written::Now(deposit))
    }
}

/// Locks the balances that will change, always in the same order, and returns what is available.
pub async fn lock(
    connection: &mut PgConnection,
    changes: &Changes,
) -> Result<HashMap<(Uuid, String), Decimal>, sqlx::Error> {
    let (users, assets): (Vec<Uuid>, Vec<&str>) = changes
        .keys()
        .map(|(user, asset)| (*user, asset.as_str()))
        .unzip();
    let statement = "SELECT user_id, asset, available FROM trade.balances
         WHERE (user_id, asset) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))
         ORDER BY user_id, asset FOR UPDATE";
    let rows: Vec<(Uuid, String, Decimal)> = query_as(statement)
        .bind(users)
        .bind(assets)
        .fetch_all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(user, asset, available)| ((user, asset), available))
        .collect())
}

/// Applies changes to balances that are locked.
pub async fn apply(connection: &mut PgConnection, changes: &Changes) -> Result<(), sqlx::Error> {
    let (users, assets): (Vec<Uuid>, Vec<&str>) = changes
        .keys()
        .map(|(user, asset)| (*user, asset.as_str()))
        .unzip();
    let (available, reserved): (Vec<Decimal>, Vec<Decimal>) = changes
        .values()
        .map(|change| (change.available, change.reserved))
        .unzip();
    let statement = "UPDATE trade.balances b
         SET available = b.available + c.available, reserved = b.reserved + c.reserved
         FROM unnest($1::uuid[], $2::text[], $3::numeric[], $4::numeric[])
              AS c (user_id, asset, available, reserved)
         WHERE b.user_id = c.user_id AND b.asset = c.asset";
    let updated = query(statement)
        .bind(users)
        .bind(assets)
        .bind(available)
        .bind(reserved)
        .execute(connection)
        .await?;
    // A balance without a row would silently lose its change.
    if updated.rows_affected() == changes.len() as u64 {
        Ok(())
    } else {
        Err(sqlx::Error::RowNotFound)
    }
}
