//! Accounts.

use exchange_platform::Subject;
use sqlx::{FromRow, query, query_as, query_scalar};
use uuid::Uuid;

use super::audit::Record;
use super::{Store, person_keys};
use crate::domain::audit::Action;
use crate::domain::credentials::{Email, Name};
use crate::domain::sealing::{Field, PersonKey, SealingError};

/// An account to be.
pub struct NewAccount<'a> {
    pub email: &'a Email,
    pub name: Option<&'a Name>,
    pub password_hash: &'a str,
    pub synthetic: bool,
}

/// What a login needs.
#[derive(FromRow)]
pub struct Login {
    pub password_hash: String,
    #[sqlx(flatten)]
    pub holder: Holder,
}

/// Whom a token is for, and what they may do now.
#[derive(FromRow)]
pub struct Holder {
    pub user_id: Uuid,
    pub roles: Vec<String>,
    pub synthetic: bool,
}

/// What people see of their account. Not `Debug`: it holds personal data.
pub struct Profile {
    pub email: String,
    pub name: Option<String>,
    pub account: Account,
}

/// The part of an account that is no personal data.
#[derive(FromRow)]
pub struct Account {
    pub id: Uuid,
    pub standing: String,
    pub restricted_by: Vec<String>,
    pub roles: Vec<String>,
    pub synthetic: bool,
    pub created_micros: i64,
}

#[derive(FromRow)]
struct Row {
    email: String,
    email_sealed: Option<Vec<u8>>,
    name_sealed: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    #[sqlx(flatten)]
    account: Account,
}

impl Store {
    /// Adds an account; `None` when the email is taken.
    pub async fn add_account(&self, new: &NewAccount<'_>) -> Result<Option<Uuid>, sqlx::Error> {
        let id = Uuid::now_v7();
        let key = PersonKey::generate(id);
        let name = new.name.map(|name| key.seal(Field::Name, name.as_str()));
        let mut transaction = self.pool.begin().await?;
        // The version before may have added the same email, readable and without a lookup.
        let statement = "INSERT INTO users.accounts
                 (id, email, email_lookup, email_sealed, name_sealed, password_hash, synthetic)
             SELECT $1, $2, $3, $4, $5, $6, $7
             WHERE NOT EXISTS (SELECT FROM users.accounts WHERE email = $8) ON CONFLICT DO NOTHING";
        let added = query(statement)
            .bind(id)
            .bind(self.readable(id, new.email))
            .bind(self.lookup.of(new.email))
            .bind(key.seal(Field::Email, new.email.as_str())?)
            .bind(name.transpose()?)
            .bind(new.password_hash)
            .bind(new.synthetic)
            .bind(new.email.as_str())
            .execute(&mut *transaction)
            .await?;
        if added.rows_affected() == 0 {
            return Ok(None);
        }
        person_keys::add(&mut transaction, id, &key).await?;
        let record = Record::own(id, Action::Registered);
        record.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Some(id))
    }

    pub async fn login(&self, email: &Email) -> Result<Option<Login>, sqlx::Error> {
        let statement = "SELECT id AS user_id, password_hash, roles, synthetic
             FROM users.accounts WHERE email_lookup = $1 OR email = $2";
        query_as(statement)
            .bind(self.lookup.of(email))
            .bind(email.as_str())
            .fetch_optional(&self.pool)
            .await
    }

    pub async fn profile(&self, id: Uuid) -> Result<Option<Profile>, sqlx::Error> {
        let statement = "SELECT id, email, email_sealed, name_sealed, key, standing, restricted_by,
                 roles, synthetic,
                 (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros
             FROM users.accounts LEFT JOIN users.person_keys ON user_id = id WHERE id = $1";
        let row: Option<Row> = query_as(statement)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(Row::open).transpose()?)
    }

    pub async fn standing(&self, id: Uuid) -> Result<Option<String>, sqlx::Error> {
        query_scalar("SELECT standing FROM users.accounts WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
    }

    /// Sets what an account may do; returns whether there is such an account.
    pub async fn set_roles(
        &self,
        id: Uuid,
        actor: Uuid,
        roles: &[String],
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let done = query("UPDATE users.accounts SET roles = $2 WHERE id = $1")
            .bind(id)
            .bind(roles)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let record = Record {
            actor: Some(actor),
            ..Record::own(id, Action::RolesSet)
        };
        record.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Gives accounts the role operator, where they lack it.
    pub async fn make_operators(&self, ids: &[Uuid]) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let statement = "UPDATE users.accounts SET roles = roles || '{operator}'::text[]
             WHERE id = ANY($1) AND NOT 'operator' = ANY(roles) RETURNING id";
        let made: Vec<Uuid> = query_scalar(statement)
            .bind(ids)
            .fetch_all(&mut *transaction)
            .await?;
        for id in made {
            let record = Record {
                actor: None,
                ..Record::own(id, Action::RolesSet)
            };
            record.write(&mut transaction).await?;
        }
        transaction.commit().await
    }
}

impl Row {
    fn open(self) -> Result<Profile, SealingError> {
        let key = self.key.map(|key| PersonKey::stored(self.account.id, &key));
        let key = key.transpose()?;
        let open = |field, sealed: Option<Vec<u8>>| {
            let sealed =
                sealed.map(|sealed| key.as_ref().ok_or(SealingError)?.open(field, &sealed));
            sealed.transpose()
        };
        // The version before added it, if it is not sealed.
        let email = open(Field::Email, self.email_sealed)?.unwrap_or(self.email);
        Ok(Profile {
            email,
            name: open(Field::Name, self.name_sealed)?,
            account: self.account,
        })
    }
}

impl From<Holder> for Subject {
    fn from(holder: Holder) -> Self {
        Self {
            user: holder.user_id,
            roles: holder.roles,
            synthetic: holder.synthetic,
        }
    }
}
