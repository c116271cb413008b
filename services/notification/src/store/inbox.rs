//! Notifications of a user.

use serde_json::Value;
use sqlx::{FromRow, query_as, query_scalar};
use uuid::Uuid;

use super::{Store, lock, wake};
use crate::domain::event::Event;

/// A notification as its user sees it.
#[derive(FromRow)]
pub struct Notification {
    pub id: Uuid,
    pub sequence: i64,
    pub kind: String,
    pub payload: Value,
    pub created_micros: i64,
}

impl Store {
    /// Adds what is new among the events; the rest was delivered before, is not wanted, or is about
    /// someone whose data was erased.
    pub async fn add(&self, events: &[Event]) -> Result<(), sqlx::Error> {
        let mut transaction = self.0.begin().await?;
        lock(&mut transaction).await?;
        let statement = "INSERT INTO notification.notifications
                (id, user_id, kind, payload, colour, synthetic)
             SELECT e.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::text[], $6::bool[])
                AS e (id, user_id, kind, payload, colour, synthetic)
             WHERE NOT EXISTS (SELECT FROM notification.erased AS x WHERE x.user_id = e.user_id)
               AND NOT EXISTS (SELECT FROM notification.preferences AS p
                               WHERE p.user_id = e.user_id AND e.kind = 'fill' AND NOT p.fills)
             ON CONFLICT DO NOTHING RETURNING user_id";
        let users: Vec<Uuid> = query_scalar(statement)
            .bind(column(events, |event| event.id))
            .bind(column(events, |event| event.user_id))
            .bind(column(events, |event| event.kind.clone()))
            .bind(column(events, |event| event.payload.clone()))
            .bind(column(events, |event| event.colour.clone()))
            .bind(column(events, |event| event.synthetic))
            .fetch_all(&mut *transaction)
            .await?;
        wake::users(&mut transaction, users).await?;
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
        let statement = "SELECT id, sequence, kind, payload,
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

fn column<T>(events: &[Event], field: impl Fn(&Event) -> T) -> Vec<T> {
    events.iter().map(field).collect()
}
