//! Removes what was kept for long enough.

use std::time::SystemTime;

use actix_web::web::Data;

use crate::domain::retention::Cutoffs;
use crate::store::Store;

/// Removes what was kept for long enough.
pub struct Retention {
    pub store: Data<Store>,
    /// What time it is.
    pub clock: fn() -> SystemTime,
}

impl Retention {
    /// Removes what is too old now.
    pub async fn pass(&self) -> Result<(), sqlx::Error> {
        self.store.retain(&Cutoffs::at((self.clock)())).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use exchange_testkit::Postgres;
    use sqlx::{AssertSqlSafe, PgPool};
    use uuid::Uuid;

    use super::*;
    use crate::domain::credentials::Email;
    use crate::store::accounts::NewAccount;

    const DAY: Duration = Duration::from_secs(86_400);

    async fn open(postgres: &Postgres) -> (PgPool, Data<Store>) {
        let pool = PgPool::connect(&postgres.url()).await.unwrap();
        let mut migrations = sqlx::migrate!();
        migrations.create_schema("users");
        migrations.run(&pool).await.unwrap();
        let store = Store::open(pool.clone(), false).await.unwrap();
        (pool, Data::new(store))
    }

    /// Someone with everything that is kept about a person.
    async fn someone(store: &Store, email: &str, synthetic: bool) -> Uuid {
        let email = Email::parse(email).ok().unwrap();
        let account = NewAccount {
            email: &email,
            name: None,
            password_hash: "",
            synthetic,
        };
        let id = store.add_account(&account).await.unwrap().unwrap();
        store.begin_session(id).await.unwrap().unwrap();
        store.count_attempt(&email).await.unwrap();
        store.add_consent(id, "research", 1, true).await.unwrap();
        id
    }

    async fn left(pool: &PgPool) -> Vec<i64> {
        let mut counts = Vec::new();
        for table in [
            "accounts",
            "person_keys",
            "sessions",
            "login_attempts",
            "consents",
            "audit_log",
            "erasures",
        ] {
            let count = AssertSqlSafe(format!("SELECT count(*) FROM users.{table}"));
            counts.push(sqlx::query_scalar(count).fetch_one(pool).await.unwrap());
        }
        counts
    }

    #[tokio::test]
    async fn everything_goes_in_its_time_and_nothing_before() {
        let postgres = Postgres::start().await.unwrap();
        let (pool, store) = open(&postgres).await;
        someone(&store, "stays@example.org", false).await;
        someone(&store, "journey@example.org", true).await;
        let erased = someone(&store, "erased@example.org", false).await;
        store.erase(erased, erased).await.unwrap();
        store.complete_erasure(erased).await.unwrap();

        let pass = async |clock: fn() -> SystemTime| {
            let store = store.clone();
            Retention { store, clock }.pass().await.unwrap();
            left(&pool).await
        };
        // accounts, keys, sessions, attempts, consents, audit log, erasures
        assert_eq!(pass(SystemTime::now).await, [2, 2, 2, 2, 3, 8, 1]);
        let next_day = || SystemTime::now() + DAY + Duration::from_secs(60);
        assert_eq!(pass(next_day).await, [1, 1, 1, 0, 2, 6, 1]);
        let after_the_session = || SystemTime::now() + 15 * DAY;
        assert_eq!(pass(after_the_session).await, [1, 1, 0, 0, 2, 6, 1]);
        let next_year = || SystemTime::now() + 366 * DAY;
        assert_eq!(pass(next_year).await, [1, 1, 0, 0, 2, 0, 1]);
        let in_four_years = || SystemTime::now() + 4 * 365 * DAY;
        assert_eq!(pass(in_four_years).await, [1, 1, 0, 0, 1, 0, 0]);
    }
}
