//! Balances.

use std::collections::HashMap;

use rust_decimal::Decimal;
use sqlx::{FromRow, PgConnection, query, query_as};
use uuid::Uuid;

use super::Store;
use crate::domain::settlement::Changes;

/// What someone holds of an asset.
#[derive(FromRow)]
pub struct Balance {
    pub asset: String,
    pub available: Decimal,
    pub reserved: Decimal,
}

impl Store {
    pub async fn balances(&self, user: Uuid) -> Result<Vec<Balance>, sqlx::Error> {
        let statement = "SELECT asset, available, reserved FROM trade.balances
             WHERE user_id = $1 ORDER BY asset";
        query_as(statement).bind(user).fetch_all(&self.pool).await
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
