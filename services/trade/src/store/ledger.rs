//! The figures of the whole exchange, for the check that nothing was made or lost.

use sqlx::{FromRow, query_as, query_scalar};

use super::Store;
use crate::domain::ledger::{AssetFigures, Ledger};
use crate::domain::money::{Asset, SYNTHETIC};

#[derive(FromRow)]
struct Row {
    asset: String,
    deposited: String,
    withdrawn: String,
    available: String,
    reserved: String,
    in_book: String,
    surplus: String,
    unbacked: String,
}

/// Sums leave as text: those of many balances may have more digits than a `Decimal`.
const ASSETS: &str = "
    WITH accounts AS (
        SELECT user_id FROM trade.balances EXCEPT SELECT user_id FROM trade.synthetic_accounts
    ), resting AS (
        SELECT split_part(market, '-', CASE side WHEN 'buy' THEN 2 ELSE 1 END) AS asset,
            CASE side WHEN 'buy' THEN price ELSE 1 END * (quantity - filled) AS held
        FROM trade.orders WHERE filled < quantity AND NOT starts_with(market, $2)
    ), figures AS (
        SELECT asset,
            (SELECT coalesce(sum(amount), 0) FROM trade.deposits JOIN accounts USING (user_id)
             WHERE deposits.asset = a.asset) AS deposited,
            (SELECT coalesce(sum(amount), 0) FROM trade.withdrawals JOIN accounts USING (user_id)
             WHERE withdrawals.asset = a.asset) AS withdrawn,
            (SELECT coalesce(sum(held), 0) FROM resting WHERE resting.asset = a.asset) AS in_book,
            b.available, b.reserved
        FROM unnest($1::text[]) AS a (asset) CROSS JOIN LATERAL (
            SELECT coalesce(sum(available), 0) AS available, coalesce(sum(reserved), 0) AS reserved
            FROM trade.balances JOIN accounts USING (user_id) WHERE balances.asset = a.asset
        ) AS b
    )
    SELECT asset, trim_scale(deposited)::text AS deposited, trim_scale(withdrawn)::text AS withdrawn,
        trim_scale(available)::text AS available, trim_scale(reserved)::text AS reserved,
        trim_scale(in_book)::text AS in_book,
        trim_scale(available + reserved - deposited + withdrawn)::text AS surplus,
        trim_scale(reserved - in_book)::text AS unbacked
    FROM figures ORDER BY asset";

/// Orders whose fills do not add up to what is filled.
const MISFILLED: &str = "
    SELECT count(*) FROM trade.orders o WHERE NOT starts_with(market, $1) AND filled <> (
        SELECT coalesce(sum(quantity), 0) FROM trade.fills
        WHERE maker_order = o.id OR taker_order = o.id)";

/// Markets in which a bid reaches an ask: something was not matched.
const CROSSED: &str = "
    SELECT market FROM trade.orders WHERE filled < quantity GROUP BY market
    HAVING max(price) FILTER (WHERE side = 'buy') >= min(price) FILTER (WHERE side = 'sell')
    ORDER BY market";

impl Store {
    /// The figures of all real accounts at one instant.
    pub async fn ledger(&self) -> Result<Ledger, sqlx::Error> {
        let snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut transaction = self.pool.begin_with(snapshot).await?;
        let all: Vec<&str> = Asset::ALL.into_iter().map(Asset::as_str).collect();
        let assets: Vec<Row> = query_as(ASSETS)
            .bind(all)
            .bind(SYNTHETIC)
            .fetch_all(&mut *transaction)
            .await?;
        let misfilled_orders = query_scalar(MISFILLED)
            .bind(SYNTHETIC)
            .fetch_one(&mut *transaction)
            .await?;
        let crossed_markets = query_scalar(CROSSED).fetch_all(&mut *transaction).await?;
        Ok(Ledger {
            assets: assets.into_iter().map(Row::figures).collect(),
            misfilled_orders,
            crossed_markets,
        })
    }
}

impl Row {
    fn figures(self) -> AssetFigures {
        AssetFigures {
            asset: self.asset,
            deposited: self.deposited,
            withdrawn: self.withdrawn,
            available: self.available,
            reserved: self.reserved,
            in_book: self.in_book,
            surplus: self.surplus,
            unbacked: self.unbacked,
        }
    }
}
