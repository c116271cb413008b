//! Deposits and withdrawals of test funds.

use rust_decimal::Decimal;
use sqlx::{FromRow, PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use super::idempotency::Idempotency;
use super::{Store, WriteError, Written, repeat};
use crate::domain::money::{Asset, add};

/// A deposit or a withdrawal.
#[derive(FromRow)]
pub struct Transfer {
    pub id: Uuid,
    pub asset: String,
    pub amount: Decimal,
}

/// What is moved, and for whom.
pub struct NewTransfer {
    pub asset: Asset,
    pub amount: Decimal,
    /// Whether the account belongs to a journey.
    pub synthetic: bool,
}

impl Store {
    /// Adds test funds to a balance.
    pub async fn deposit(
        &self,
        key: &Idempotency,
        transfer: &NewTransfer,
    ) -> Result<Written<Transfer>, WriteError> {
        repeat(async || self.try_deposit(key, transfer).await).await
    }

    /// Takes test funds from a balance.
    pub async fn withdraw(
        &self,
        key: &Idempotency,
        transfer: &NewTransfer,
    ) -> Result<Written<Transfer>, WriteError> {
        repeat(async || self.try_withdraw(key, transfer).await).await
    }

    async fn try_deposit(
        &self,
        key: &Idempotency,
        transfer: &NewTransfer,
    ) -> Result<Written<Transfer>, WriteError> {
        let mut transaction = self.pool.begin().await?;
        let id = Uuid::now_v7();
        if let Some(earlier) = key.claim(&mut transaction, id).await? {
            let statement =
                "SELECT id, asset, amount FROM trade.deposits WHERE id = $1 AND user_id = $2";
            let deposit = query_as(statement).bind(earlier).bind(key.user);
            let deposit = deposit.fetch_optional(&mut *transaction).await?;
            return deposit.map(Written::Earlier).ok_or(WriteError::KeyReused);
        }
        open_account(&mut transaction, key.user, transfer.synthetic).await?;
        let statement = "UPDATE trade.balances SET available = available + $3
             WHERE user_id = $1 AND asset = $2 RETURNING available + reserved - $3";
        let before: Decimal = query_scalar(statement)
            .bind(key.user)
            .bind(transfer.asset.as_str())
            .bind(transfer.amount)
            .fetch_one(&mut *transaction)
            .await?;
        add(before, transfer.amount)?;
        let statement = "INSERT INTO trade.deposits (id, user_id, asset, amount)
             VALUES ($1, $2, $3, $4) RETURNING id, asset, amount";
        let deposit = query_as(statement)
            .bind(id)
            .bind(key.user)
            .bind(transfer.asset.as_str())
            .bind(transfer.amount)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Written::Now(deposit))
    }

    async fn try_withdraw(
        &self,
        key: &Idempotency,
        transfer: &NewTransfer,
    ) -> Result<Written<Transfer>, WriteError> {
        let mut transaction = self.pool.begin().await?;
        let id = Uuid::now_v7();
        if let Some(earlier) = key.claim(&mut transaction, id).await? {
            let statement =
                "SELECT id, asset, amount FROM trade.withdrawals WHERE id = $1 AND user_id = $2";
            let withdrawal = query_as(statement).bind(earlier).bind(key.user);
            let withdrawal = withdrawal.fetch_optional(&mut *transaction).await?;
            return withdrawal
                .map(Written::Earlier)
                .ok_or(WriteError::KeyReused);
        }
        let statement = "UPDATE trade.balances SET available = available - $3
             WHERE user_id = $1 AND asset = $2 AND available >= $3";
        let taken = query(statement)
            .bind(key.user)
            .bind(transfer.asset.as_str())
            .bind(transfer.amount)
            .execute(&mut *transaction)
            .await?;
        if taken.rows_affected() == 0 {
            return Err(WriteError::NoFunds(transfer.asset));
        }
        let statement = "INSERT INTO trade.withdrawals (id, user_id, asset, amount)
             VALUES ($1, $2, $3, $4) RETURNING id, asset, amount";
        let withdrawal = query_as(statement)
            .bind(id)
            .bind(key.user)
            .bind(transfer.asset.as_str())
            .bind(transfer.amount)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Written::Now(withdrawal))
    }
}

/// A row for every asset, so that settling only ever updates.
async fn open_account(
    connection: &mut PgConnection,
    user: Uuid,
    synthetic: bool,
) -> Result<(), sqlx::Error> {
    let statement = "INSERT INTO trade.balances (user_id, asset)
         SELECT $1, asset FROM unnest($2::text[]) AS asset ORDER BY asset ON CONFLICT DO NOTHING";
    let all: Vec<&str> = Asset::ALL.into_iter().map(Asset::as_str).collect();
    query(statement)
        .bind(user)
        .bind(all)
        .execute(&mut *connection)
        .await?;
    if synthetic {
        let statement =
            "INSERT INTO trade.synthetic_accounts (user_id) VALUES ($1) ON CONFLICT DO NOTHING";
        query(statement).bind(user).execute(connection).await?;
    }
    Ok(())
}
