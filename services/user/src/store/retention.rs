//! Removes what is kept for a while only.

use sqlx::{query, query_scalar};
use uuid::Uuid;

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
                "DELETE FROM users.audit_log WHERE created_at < to_timestamp($1)",
                cutoffs.audit_log,
            ),
            (
                "DELETE FROM users.consents c USING users.erasures e
                 WHERE c.user_id = e.user_id AND e.created_at < to_timestamp($1)",
                cutoffs.erasures,
            ),
            (
                "DELETE FROM users.erasures
                 WHERE completed_at IS NOT NULL AND created_at < to_timestamp($1)",
                cutoffs.erasures,
            ),
        ] {
            query(statement).bind(cutoff).execute(&self.pool).await?;
        }
        self.remove_synthetic(cutoffs.synthetic_accounts).await
    }

    /// Removes accounts of journeys, with all that is about them.
    async fn remove_synthetic(&self, cutoff: f64) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let statement = "DELETE FROM users.accounts
             WHERE synthetic AND created_at < to_timestamp($1) RETURNING id";
        let removed: Vec<Uuid> = query_scalar(statement)
            .bind(cutoff)
            .fetch_all(&mut *transaction)
            .await?;
        for statement in [
            "DELETE FROM users.person_keys WHERE user_id = ANY($1)",
            "DELETE FROM users.consents WHERE user_id = ANY($1)",
            "DELETE FROM users.audit_log WHERE user_id = ANY($1)",
        ] {
            query(statement)
                .bind(&removed)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }
}
