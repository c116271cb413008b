//! SQL, and nothing but.

use serde_json::Value;
use sqlx::{FromRow, PgPool, query, query_as, query_scalar};
use uuid::Uuid;

use crate::domain::event::Event;

/// Taken while notifications are added, so that they become visible in the order of their sequence.
const LOCK: i64 = 0x006e_6f74_6966_6963;

/// The tables of this service.
pub struct Store(PgPool);

/// A notification as its user sees it.
#[derive(FromRow)]
pub struct Notification {
    pub id: Uuid,
    pub kind: String,
    pub payload: Value,
    pub created_micros: i64,
}

impl Store {
    pub fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Adds what is new among the events; the rest was delivered before.
    pub async fn add(&self, events: Vec<Event>) -> Result<(), sqlx::Error> {
        let mut transaction = self.0.begin().await?;
        query("SELECT pg_advisory_xact_lock($1)")
            .bind(LOCK)
            .execute(&mut *transaction)
            .await?;
        let statement =
            "INSERT INTO notification.notifications (id, user_id, kind, payload, colour)
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::text[])
             ON CONFLICT DO NOTHING";
        query(statement)
            .bind(events.iter().map(|event| event.id).collect::<Vec<_>>())
            .bind(events.iter().map(|event| event.user_id).collect::<Vec<_>>())
            .bind(
                events
                    .iter()
                    .map(|event| event.kind.clone())
                    .collect::<Vec<_>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| event.payload.clone())
                    .collect::<Vec<_>>(),
            )
            .bind(
                events
                    .iter()
                    .map(|event| event.colour.clone())
                    .collect::<Vec<_>>(),
            )
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }

    /// Where a notification of a user stands in the sequence.
    pub async fn position(&self, user: Uuid, id: Uuid) -> Result<Option<i64>, sqlx::Error> {
        let statement =
            "SELECT sequence FROM notification.notifications WHERE id = $1 AND user_id = $2";
        query_scalar(statement)
            .bind(id)
            .bind(user)
            .fetch_optional(&self.0)
            .await
    }

    /// Notifications of a user after a position, oldest first.
    pub async fn after(
        &self,
        user: Uuid,
        position: i64,
        limit: i64,
    ) -> Result<Vec<Notification>, sqlx::Error> {
        let statement = "SELECT id, kind, payload,
                (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros
             FROM notification.notifications
             WHERE user_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
        query_as(statement)
            .bind(user)
            .bind(position)
            .bind(limit)
            .fetch_all(&self.0)
            .await
    }

    /// How many notifications of a user come after a position.
    pub async fn count_after(&self, user: Uuid, position: i64) -> Result<i64, sqlx::Error> {
        let statement = "SELECT count(*) FROM notification.notifications
             WHERE user_id = $1 AND sequence > $2";
        query_scalar(statement)
            .bind(user)
            .bind(position)
            .fetch_one(&self.0)
            .await
    }
}
