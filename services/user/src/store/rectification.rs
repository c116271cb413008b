//! Rectification of personal fields.

use sqlx::{FromRow, PgConnection, query, query_as};
use uuid::Uuid;

use super::audit::Record;
use super::{Store, person_keys};
use crate::domain::audit::Action;
use crate::domain::credentials::{Email, Name};
use crate::domain::sealing::{Field, PersonKey};

/// What is to change. Not `Debug`: it holds personal data.
pub struct Rectification {
    pub email: Option<Email>,
    /// `Some(None)` removes the name.
    pub name: Option<Option<Name>>,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Rectified {
    Done,
    EmailTaken,
    /// There is no such account.
    Gone,
}

#[derive(FromRow)]
struct Row {
    email: String,
    email_sealed: Option<Vec<u8>>,
    name_sealed: Option<Vec<u8>>,
}

impl Store {
    /// Changes what a person asks for. The audit log keeps what stood there, sealed.
    pub async fn rectify(
        &self,
        user: Uuid,
        change: &Rectification,
    ) -> Result<Rectified, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let statement = "SELECT email, email_sealed, name_sealed FROM users.accounts
             WHERE id = $1 FOR UPDATE";
        let row: Option<Row> = query_as(statement)
            .bind(user)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else {
            return Ok(Rectified::Gone);
        };
        let key = person_keys::of(&mut transaction, user).await?;
        if let Some(email) = &change.email {
            match self.set_email(&mut transaction, user, &key, email).await {
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                    return Ok(Rectified::EmailTaken);
                }
                Ok(false) => return Ok(Rectified::EmailTaken),
                done => done?,
            };
            let previous = match &row.email_sealed {
                Some(sealed) => key.open(Field::Email, sealed)?,
                None => row.email,
            };
            record(
                &mut transaction,
                user,
                &key,
                Action::EmailChanged,
                &previous,
            )
            .await?;
        }
        if let Some(name) = &change.name {
            set_name(&mut transaction, user, &key, name.as_ref()).await?;
            let previous = row.name_sealed.map(|sealed| key.open(Field::Name, &sealed));
            let previous = previous.transpose()?.unwrap_or_default();
            record(&mut transaction, user, &key, Action::NameChanged, &previous).await?;
        }
        transaction.commit().await?;
        Ok(Rectified::Done)
    }

    /// Returns whether the email was free; the database may also say so by refusing it.
    async fn set_email(
        &self,
        transaction: &mut PgConnection,
        user: Uuid,
        key: &PersonKey,
        email: &Email,
    ) -> Result<bool, sqlx::Error> {
        let statement = "UPDATE users.accounts SET email = $2, email_lookup = $3, email_sealed = $4
             WHERE id = $1
               AND NOT EXISTS (SELECT FROM users.accounts WHERE email = $5 AND id <> $1)";
        let done = query(statement)
            .bind(user)
            .bind(self.readable(user, email))
            .bind(self.lookup.of(email))
            .bind(key.seal(Field::Email, email.as_str())?)
            .bind(email.as_str())
            .execute(transaction)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

async fn set_name(
    transaction: &mut PgConnection,
    user: Uuid,
    key: &PersonKey,
    name: Option<&Name>,
) -> Result<(), sqlx::Error> {
    let sealed = name.map(|name| key.seal(Field::Name, name.as_str()));
    query("UPDATE users.accounts SET name_sealed = $2 WHERE id = $1")
        .bind(user)
        .bind(sealed.transpose()?)
        .execute(transaction)
        .await?;
    Ok(())
}

async fn record(
    transaction: &mut PgConnection,
    user: Uuid,
    key: &PersonKey,
    action: Action,
    previous: &str,
) -> Result<(), sqlx::Error> {
    let previous = key.seal(Field::Previous, previous)?;
    let record = Record {
        previous: Some(&previous),
        ..Record::own(user, action)
    };
    record.write(transaction).await
}
