//! Tells the processes of both colours whose inboxes have something new.

use sqlx::postgres::{PgListener, PgNotification};
use sqlx::{PgConnection, query};
use uuid::Uuid;

use super::Store;

const CHANNEL: &str = "notification_inboxes";
/// PostgreSQL carries less than 8,000 bytes at once.
const AT_ONCE: usize = 200;

/// Wakes the streams of these users once the transaction is committed.
pub async fn users(
    transaction: &mut PgConnection,
    mut users: Vec<Uuid>,
) -> Result<(), sqlx::Error> {
    users.sort_unstable();
    users.dedup();
    for some in users.chunks(AT_ONCE) {
        let names: Vec<String> = some.iter().map(|user| user.simple().to_string()).collect();
        query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(names.join(" "))
            .execute(&mut *transaction)
            .await?;
    }
    Ok(())
}

/// The users that a wake is about.
pub fn woken(notification: &PgNotification) -> impl Iterator<Item = Uuid> {
    let names = notification.payload().split(' ');
    names.filter_map(|name| Uuid::try_parse(name).ok())
}

impl Store {
    /// Hears every wake from now on. Holds a connection of the pool.
    pub async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.0).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }
}
