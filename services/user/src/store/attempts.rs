//! Attempts to log in.

use sqlx::{query, query_as};

use super::Store;
use crate::domain::attempts::{Attempt, WINDOW};
use crate::domain::credentials::Email;

impl Store {
    /// Counts an attempt before it is made, so that many at once are not one.
    pub async fn count_attempt(&self, email: &Email) -> Result<Attempt, sqlx::Error> {
        let statement = "INSERT INTO users.login_attempts AS known (account, attempts)
             VALUES ($1, 1)
             ON CONFLICT (account) DO UPDATE SET
                 attempts = CASE WHEN known.began_at < now() - make_interval(secs => $2)
                     THEN 1 ELSE least(known.attempts, 1000000) + 1 END,
                 began_at = CASE WHEN known.began_at < now() - make_interval(secs => $2)
                     THEN now() ELSE known.began_at END
             RETURNING attempts, extract(epoch FROM now() - began_at)::float8";
        let (number, age) = query_as(statement)
            .bind(self.lookup.of(email))
            .bind(WINDOW)
            .fetch_one(&self.pool)
            .await?;
        Ok(Attempt { number, age })
    }

    /// Takes back an attempt that was not made.
    pub async fn uncount_attempt(&self, email: &Email) -> Result<(), sqlx::Error> {
        let statement = "UPDATE users.login_attempts SET attempts = greatest(attempts - 1, 0)
             WHERE account = $1";
        query(statement)
            .bind(self.lookup.of(email))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Forgets them: the right password was given.
    pub async fn forget_attempts(&self, email: &Email) -> Result<(), sqlx::Error> {
        query("DELETE FROM users.login_attempts WHERE account = $1")
            .bind(self.lookup.of(email))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
