//! Keys that are made once and shared by all replicas of both colours.

use sqlx::PgPool;

/// The key of a name; made now if there is none.
pub async fn secret(pool: &PgPool, name: &str) -> Result<Vec<u8>, sqlx::Error> {
    let fresh: [u8; 32] = rand::random();
    sqlx::query("INSERT INTO users.secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(name)
        .bind(&fresh[..])
        .execute(pool)
        .await?;
    sqlx::query_scalar("SELECT value FROM users.secrets WHERE name = $1")
        .bind(name)
        .fetch_one(pool)
        .await
}
