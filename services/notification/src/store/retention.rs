//! Removes what is kept for a while only.

use sqlx::query;

use super::Store;
use crate::domain::retention::Cutoffs;

impl Store {
    /// Removes everything older than the cutoffs. Several processes may do it at once.
    pub async fn retain(&self, cutoffs: &Cutoffs) -> Result<(), sqlx::Error> {
        for (statement, cutoff) in [
            (
                "DELETE FROM notification.notifications WHERE created_at < to_timestamp($1)",
                cutoffs.notifications,
            ),
            (
                "DELETE FROM notification.notifications
                 WHERE synthetic AND created_at < to_timestamp($1)",
                cutoffs.synthetic,
            ),
            (
                "DELETE FROM notification.preferences
                 WHERE synthetic AND changed_at < to_timestamp($1)",
                cutoffs.synthetic,
            ),
        ] {
            query(statement).bind(cutoff).execute(&self.0).await?;
        }
        Ok(())
    }
}
