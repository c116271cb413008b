//! The check that nothing was made or lost, for operators.

use actix_web::get;
use actix_web::web::{Data, Json};
use exchange_platform::{Caller, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::ledger::{AssetFigures, Ledger};
use crate::store::Store;

#[derive(Serialize, ToSchema)]
#[schema(as = Ledger)]
#[serde(rename_all = "camelCase")]
pub struct LedgerDocument {
    /// Whether there are no findings
    exact: bool,
    /// What is wrong, in words
    findings: Vec<String>,
    /// Sums over all accounts but those of journeys
    assets: Vec<AssetDocument>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AssetSums)]
#[serde(rename_all = "camelCase")]
struct AssetDocument {
    asset: String,
    deposited: String,
    withdrawn: String,
    available: String,
    reserved: String,
    /// What orders in the book may cost at most
    in_book: String,
}

/// Check the books of the exchange
///
/// All figures are of one instant. Balances add up to what was deposited and not withdrawn, what is
/// reserved to what orders in the book need, fills to what orders have filled, and no book is crossed.
#[utoipa::path(
    tag = "operator",
    responses((status = 200, body = LedgerDocument)),
    security(("token" = []))
)]
#[get("/v1/ledger")]
pub async fn show(store: Data<Store>, caller: Caller) -> Result<Json<LedgerDocument>, Problem> {
    caller.require_role("operator")?;
    let ledger: Ledger = store.ledger().await?;
    let findings = ledger.findings();
    for finding in &findings {
        tracing::error!(finding, "the books are wrong");
    }
    Ok(Json(LedgerDocument {
        exact: findings.is_empty(),
        findings,
        assets: ledger.assets.into_iter().map(sums).collect(),
    }))
}

fn sums(figures: AssetFigures) -> AssetDocument {
    AssetDocument {
        asset: figures.asset,
        deposited: figures.deposited,
        withdrawn: figures.withdrawn,
        available: figures.available,
        reserved: figures.reserved,
        in_book: figures.in_book,
    }
}
