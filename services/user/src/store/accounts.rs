//! Accounts.

use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::domain::credentials::Email;

/// The table of accounts.
pub struct Accounts(PgPool);

/// What a login needs.
#[derive(FromRow)]
pub struct Login {
    pub id: Uuid,
    pub password_hash: String,
}

/// What people see of their account.
#[derive(FromRow)]
pub struct Profile {
    pub id: Uuid,
    pub email: String,
    pub standing: String,
    pub created_micros: i64,
}

impl Accounts {
    pub fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Adds an account; `None` when the email is taken.
    pub async fn add(&self, email: &Email, hash: &str) -> Result<Option<Uuid>, sqlx::Error> {
        let statement = "INSERT INTO users.accounts (id, email, password_hash) VALUES ($1, $2, $3)
             ON CONFLICT (email) DO NOTHING RETURNING id";
        sqlx::query_scalar(statement)
            .bind(Uuid::now_v7())
            .bind(email.as_str())
            .bind(hash)
            .fetch_optional(&self.0)
            .await
    }

    pub async fn login(&self, email: &Email) -> Result<Option<Login>, sqlx::Error> {
        sqlx::query_as("SELECT id, password_hash FROM users.accounts WHERE email = $1")
            .bind(email.as_str())
            .fetch_optional(&self.0)
            .await
    }

    pub async fn profile(&self, id: Uuid) -> Result<Option<Profile>, sqlx::Error> {
        let statement = "SELECT id, email, standing,
                (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros
             FROM users.accounts WHERE id = $1";
        sqlx::query_as(statement)
            .bind(id)
            .fetch_optional(&self.0)
            .await
    }

    pub async fn standing(&self, id: Uuid) -> Result<Option<String>, sqlx::Error> {
        sqlx::query_scalar("SELECT standing FROM users.accounts WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.0)
            .await
    }
}
