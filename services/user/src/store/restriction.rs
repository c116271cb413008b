//! Restriction of an account: what is stored stays, and nothing is done with it.

use sqlx::query;
use uuid::Uuid;

use super::Store;
use super::audit::Record;
use crate::domain::audit::Action;
use crate::domain::restriction::Side;

impl Store {
    /// Restricts an account, or lifts the restriction of one side; returns whether there is such an
    /// account. Standing is `good` again once nobody restricts it.
    pub async fn restrict(
        &self,
        user: Uuid,
        actor: Uuid,
        side: Side,
        restricted: bool,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE users.accounts AS a SET restricted_by = n.sides,
                 standing = CASE WHEN n.sides = '{}' THEN 'good' ELSE 'restricted' END
             FROM (SELECT id, array_remove(restricted_by, $2)
                     || CASE WHEN $3 THEN ARRAY[$2] ELSE '{}'::text[] END AS sides
                   FROM users.accounts WHERE id = $1 FOR UPDATE) AS n
             WHERE a.id = n.id";
        let done = query(statement)
            .bind(user)
            .bind(side.as_str())
            .bind(restricted)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let record = Record {
            user,
            actor: Some(actor),
            action: match restricted {
                true => Action::Restricted,
                false => Action::RestrictionLifted,
            },
            previous: None,
        };
        record.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
