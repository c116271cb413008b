//! Removes what is kept for a while only.

use sqlx::query;

use super::Store;
use crate::domain::retention::Cutoffs;

impl Store {
    /// Removes everything older than the cutoffs. Several processes may do it at once.
    pub async fn retain(&self, cutoffs: &Cutoffs) -> Result<(), sqlx::Error> {
        for (statement, cutoff) in [
            (
                "DELETE FROM users.sessions WHERE expires_at < to_timestamp($1)",
                cutoffs.sessions,
            ),
            (
                "DELETE FROM users.login_attempts WHERE began_at < to_timestamp($1)",
                cutoffs.login_attempts,
            ),
            (
                "DELETE FROM users.accounts WHERE synthetic AND created_at < to_timestamp($1)",
                cutoffs.synthetic_accounts,
            ),
        ] {
            query(statement).bind(cutoff).execute(&self.pool).await?;
        }
        Ok(())
    }
}
