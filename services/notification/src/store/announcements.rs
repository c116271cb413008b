//! Announcements, and how far each has come.

use serde_json::json;
use sqlx::{FromRow, query, query_as, query_scalar};
use uuid::Uuid;

use super::{Store, lock, wake};
use crate::domain::announcement::Announcement;

/// An announcement as it is kept.
#[derive(FromRow)]
pub struct Announced {
    pub id: Uuid,
    pub version: String,
    pub title: String,
    pub body: String,
    pub created_micros: i64,
    /// Users up to this one have been told.
    pub done_up_to: Uuid,
    pub finished_micros: Option<i64>,
}

const FIELDS: &str = "id, version, title, body, done_up_to,
    (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros,
    (extract(epoch FROM finished_at) * 1000000)::bigint AS finished_micros";

impl Store {
    /// Keeps an announcement; the one that is there, if this version was announced before.
    pub async fn announce(&self, new: &Announcement) -> Result<Announced, sqlx::Error> {
        let statement = "INSERT INTO notification.announcements (id, version, title, body)
             VALUES ($1, $2, $3, $4) ON CONFLICT (version) DO NOTHING";
        query(statement)
            .bind(Uuid::now_v7())
            .bind(&new.version)
            .bind(&new.title)
            .bind(&new.text)
            .execute(&self.0)
            .await?;
        let statement =
            format!("SELECT {FIELDS} FROM notification.announcements WHERE version = $1");
        query_as(sqlx::AssertSqlSafe(statement))
            .bind(&new.version)
            .fetch_one(&self.0)
            .await
    }

    /// All announcements, newest first.
    pub async fn announcements(&self, limit: i64) -> Result<Vec<Announced>, sqlx::Error> {
        let statement =
            format!("SELECT {FIELDS} FROM notification.announcements ORDER BY id DESC LIMIT $1");
        query_as(sqlx::AssertSqlSafe(statement))
            .bind(limit)
            .fetch_all(&self.0)
            .await
    }

    /// Tells a page of users who agreed, those left out who do not want to hear or whose data was erased,
    /// and notes how far that came. Nobody is told twice, whoever else does the same meanwhile.
    pub async fn tell(
        &self,
        announced: &Announced,
        users: &[Uuid],
        is_last: bool,
    ) -> Result<Announced, sqlx::Error> {
        let mut transaction = self.0.begin().await?;
        lock(&mut transaction).await?;
        let statement = "INSERT INTO notification.notifications
                (id, user_id, kind, payload, colour, announcement)
             SELECT gen_random_uuid(), u, 'announcement', $2, '', $1 FROM unnest($3::uuid[]) AS u
             WHERE NOT EXISTS (SELECT FROM notification.erased AS x WHERE x.user_id = u)
               AND NOT EXISTS (SELECT FROM notification.preferences AS p
                               WHERE p.user_id = u AND NOT p.announcements)
             ON CONFLICT DO NOTHING RETURNING user_id";
        let payload = json!({ "version": announced.version, "title": announced.title, "text": announced.body });
        let told: Vec<Uuid> = query_scalar(statement)
            .bind(announced.id)
            .bind(payload)
            .bind(users)
            .fetch_all(&mut *transaction)
            .await?;
        wake::users(&mut transaction, told).await?;
        let last = users.last().unwrap_or(&announced.done_up_to);
        let statement = format!(
            "UPDATE notification.announcements
             SET done_up_to = greatest(done_up_to, $2),
                 finished_at = CASE WHEN $3 THEN coalesce(finished_at, now()) ELSE finished_at END
             WHERE id = $1 RETURNING {FIELDS}"
        );
        let told = query_as(sqlx::AssertSqlSafe(statement))
            .bind(announced.id)
            .bind(last)
            .bind(is_last)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(told)
    }
}
