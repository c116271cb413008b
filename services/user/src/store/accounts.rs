//! Accounts.

use exchange_platform::Subject;
use sqlx::{FromRow, query, query_as, query_scalar};
use uuid::Uuid;

use super::Store;
use crate::domain::credentials::Email;

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

/// What people see of their account.
#[derive(FromRow)]
pub struct Profile {
    pub id: Uuid,
    pub email: String,
    pub standing: String,
    pub roles: Vec<String>,
    pub created_micros: i64,
}

impl Store {
    /// Adds an account; `None` when the email is taken.
    pub async fn add_account(
        &self,
        email: &Email,
        hash: &str,
        synthetic: bool,
    ) -> Result<Option<Uuid>, sqlx::Error> {
        let statement = "INSERT INTO users.accounts (id, email, password_hash, synthetic)
             VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING RETURNING id";
        query_scalar(statement)
            .bind(Uuid::now_v7())
            .bind(email.as_str())
            .bind(hash)
            .bind(synthetic)
            .fetch_optional(&self.pool)
            .await
    }

    pub async fn login(&self, email: &Email) -> Result<Option<Login>, sqlx::Error> {
        let statement = "SELECT id AS user_id, password_hash, roles, synthetic
             FROM users.accounts WHERE email = $1";
        query_as(statement)
            .bind(email.as_str())
            .fetch_optional(&self.pool)
            .await
    }

    pub async fn profile(&self, id: Uuid) -> Result<Option<Profile>, sqlx::Error> {
        let statement = "SELECT id, email, standing, roles,
                (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros
             FROM users.accounts WHERE id = $1";
        query_as(statement)
            .bind(id)
            .fetch_optional(&self.pool)
            .await
    }

    pub async fn standing(&self, id: Uuid) -> Result<Option<String>, sqlx::Error> {
        query_scalar("SELECT standing FROM users.accounts WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
    }

    /// Sets what an account may do; returns whether there is such an account.
    pub async fn set_roles(&self, id: Uuid, roles: &[String]) -> Result<bool, sqlx::Error> {
        let done = query("UPDATE users.accounts SET roles = $2 WHERE id = $1")
            .bind(id)
            .bind(roles)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives accounts the role operator, where they lack it.
    pub async fn make_operators(&self, ids: &[Uuid]) -> Result<(), sqlx::Error> {
        let statement = "UPDATE users.accounts SET roles = roles || '{operator}'::text[]
             WHERE id = ANY($1) AND NOT 'operator' = ANY(roles)";
        query(statement).bind(ids).execute(&self.pool).await?;
        Ok(())
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
