//! Sessions.

use sqlx::{FromRow, query, query_as};
use uuid::Uuid;

use super::Store;
use super::accounts::Holder;
use crate::domain::sessions::{LONGEST, RefreshToken, Shown, StoredTokens};

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    holder: Holder,
    secret_hash: Vec<u8>,
    previous_hash: Option<Vec<u8>>,
    age: f64,
}

impl Store {
    /// Begins a session; `None` when there is no such account any more.
    pub async fn begin_session(&self, user: Uuid) -> Result<Option<RefreshToken>, sqlx::Error> {
        let token = RefreshToken::generate(Uuid::now_v7());
        let statement = "INSERT INTO users.sessions (id, user_id, secret_hash, expires_at)
             SELECT $1, id, $3, now() + make_interval(secs => $4)
             FROM users.accounts WHERE id = $2 FOR KEY SHARE";
        let begun = query(statement)
            .bind(token.session)
            .bind(user)
            .bind(token.hash())
            .bind(LONGEST)
            .execute(&self.pool)
            .await?;
        Ok((begun.rows_affected() == 1).then_some(token))
    }

    /// Prolongs a session: its holder and the next token; `None` when the token that was shown is not
    /// good. One that was used before ends the session.
    pub async fn prolong_session(
        &self,
        shown: &RefreshToken,
    ) -> Result<Option<(Holder, RefreshToken)>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let statement = "SELECT a.id AS user_id, a.roles, a.synthetic, s.secret_hash,
                 s.previous_hash, extract(epoch FROM now() - s.rotated_at)::float8 AS age
             FROM users.sessions s JOIN users.accounts a ON a.id = s.user_id
             WHERE s.id = $1 AND s.expires_at > now() FOR UPDATE OF s";
        let row: Option<Row> = query_as(statement)
            .bind(shown.session)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let stored = StoredTokens {
            latest: row.secret_hash,
            previous: row.previous_hash,
            age: row.age,
        };
        let prolonged = match stored.judge(shown) {
            Shown::Good => {
                let next = RefreshToken::generate(shown.session);
                // `previous` is what the client surely has: the token that it showed.
                let rotate = "UPDATE users.sessions SET secret_hash = $2, previous_hash = $3,
                     rotated_at = CASE WHEN secret_hash = $3 THEN now() ELSE rotated_at END
                     WHERE id = $1";
                query(rotate)
                    .bind(shown.session)
                    .bind(next.hash())
                    .bind(shown.hash())
                    .execute(&mut *transaction)
                    .await?;
                Some((row.holder, next))
            }
            Shown::Stolen => {
                query("DELETE FROM users.sessions WHERE id = $1")
                    .bind(shown.session)
                    .execute(&mut *transaction)
                    .await?;
                None
            }
            Shown::Foreign => None,
        };
        transaction.commit().await?;
        Ok(prolonged)
    }

    /// Ends the session of a token. Repeating it is harmless.
    pub async fn end_session(&self, shown: &RefreshToken) -> Result<(), sqlx::Error> {
        let statement = "DELETE FROM users.sessions
             WHERE id = $1 AND (secret_hash = $2 OR previous_hash = $2)";
        query(statement)
            .bind(shown.session)
            .bind(shown.hash())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Ends all sessions of a user.
    pub async fn end_sessions(&self, user: Uuid) -> Result<(), sqlx::Error> {
        query("DELETE FROM users.sessions WHERE user_id = $1")
            .bind(user)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
