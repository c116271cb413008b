//! Whether the colour of this process is the live one. The operator says so after each flip; the
//! database keeps it, so that a pod that restarts knows, and so does one that was not told.

use std::sync::{Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, PgExecutor, PgPool, Row, query, query_as, query_scalar};
use tokio::runtime::Handle;

use crate::problem::Problem;
use crate::runtime::OnMain;
use crate::settings::Colour;

/// Whether a colour is the live one, and since which flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColourRole {
    /// The switch that this follows from; 0 while nothing was said yet.
    pub epoch: u64,
    /// Whether outward effects are this colour's to make.
    pub live: bool,
}

impl ColourRole {
    /// Before anything was said: a process outside of a blue-green release is alone, and live.
    pub(crate) fn unknown(colour: Colour) -> Self {
        Self {
            epoch: 0,
            live: colour == Colour::None,
        }
    }
}

impl FromRow<'_, PgRow> for ColourRole {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let epoch: i64 = row.try_get("epoch")?;
        Ok(Self {
            epoch: u64::try_from(epoch).unwrap_or_default(),
            live: row.try_get("live")?,
        })
    }
}

/// The role of this process's colour, as last read, and where it is kept.
pub(crate) struct ColourRoles {
    colour: Colour,
    latest: Mutex<ColourRole>,
    store: OnceLock<(PgPool, Handle)>,
}

/// A colour is live as long as no other was made so by a later flip.
const READ: &str = "SELECT epoch, live AND NOT EXISTS (
        SELECT FROM colour_roles AS other WHERE other.live AND other.epoch > own.epoch
    ) AS live FROM colour_roles AS own WHERE colour = $1";

impl ColourRoles {
    pub(crate) fn new(colour: Colour) -> Self {
        Self {
            colour,
            latest: Mutex::new(ColourRole::unknown(colour)),
            store: OnceLock::new(),
        }
    }

    /// From now on roles can be told: the database is there, and its connections belong to `main`.
    pub(crate) fn attach(&self, pool: PgPool, main: Handle) {
        let _ = self.store.set((pool, main));
    }

    /// The role as last read, at most some seconds ago.
    pub(crate) fn latest(&self) -> ColourRole {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the role anew.
    pub(crate) async fn refresh(
        &self,
        database: impl PgExecutor<'_>,
    ) -> Result<ColourRole, sqlx::Error> {
        let known = query_as(READ).bind(self.colour.as_str());
        let known: Option<ColourRole> = known.fetch_optional(database).await?;
        let role = known.unwrap_or_else(|| ColourRole::unknown(self.colour));
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if *latest != role {
            tracing::info!(epoch = role.epoch, live = role.live, "role");
        }
        *latest = role;
        Ok(role)
    }

    /// Keeps what the operator says, unless a later flip has spoken.
    pub(crate) async fn tell(&self, role: ColourRole) -> Result<ColourRole, Problem> {
        let starting = || Problem::unavailable("not-ready", "Still starting. Try again.");
        let (pool, main) = self.store.get().cloned().ok_or_else(starting)?;
        OnMain::new(main, self.keep(role, pool)).await
    }

    async fn keep(&self, role: ColourRole, pool: PgPool) -> Result<ColourRole, Problem> {
        let too_big = |_| Problem::unprocessable("epoch", "Use an epoch below 2^63.");
        let epoch = i64::try_from(role.epoch).map_err(too_big)?;
        let statement =
            "INSERT INTO colour_roles AS known (colour, epoch, live) VALUES ($1, $2, $3)
             ON CONFLICT (colour) DO UPDATE SET epoch = excluded.epoch, live = excluded.live
             WHERE known.epoch < excluded.epoch
                OR (known.epoch = excluded.epoch AND known.live = excluded.live)";
        let kept = query(statement)
            .bind(self.colour.as_str())
            .bind(epoch)
            .bind(role.live)
            .execute(&pool)
            .await?;
        let now = self.refresh(&pool).await?;
        if kept.rows_affected() == 1 {
            return Ok(now);
        }
        let detail = format!(
            "Epoch {} was decided otherwise; this colour is at epoch {}.",
            role.epoch, now.epoch
        );
        Err(Problem::conflict("epoch", detail))
    }

    /// Whether the colour is live, held until the transaction ends: a flip that makes another colour
    /// live is kept only after it.
    pub(crate) async fn hold(&self, transaction: &mut PgConnection) -> Result<bool, sqlx::Error> {
        // The whole table: the other colour may have no row yet.
        query("LOCK TABLE colour_roles IN SHARE MODE")
            .execute(&mut *transaction)
            .await?;
        Ok(self.refresh(transaction).await?.live)
    }

    /// Whether no other colour is the live one.
    pub(crate) async fn no_other_is_live(
        &self,
        database: &mut PgConnection,
    ) -> Result<bool, sqlx::Error> {
        let statement = "SELECT coalesce((SELECT colour = $1 FROM colour_roles WHERE live
             ORDER BY epoch DESC LIMIT 1), true)";
        query_scalar(statement)
            .bind(self.colour.as_str())
            .fetch_one(database)
            .await
    }
}
