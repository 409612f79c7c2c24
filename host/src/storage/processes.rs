//! Table `processes`: which of the processes that share a PostgreSQL database are alive.

use super::{Db, Store, StoreError};

/// How long a process is believed to be alive after it was seen; it shows itself every second.
///
/// WeChat tries again five seconds after a try began. When the process that had the first try dies, the second try,
/// or at the latest the third, finds the lease run out while it waits, and has seconds left to run the handler itself.
/// Shorter, and a process that the database kept waiting would lose what it runs.
pub(super) const LEASE_SECONDS: i64 = 4;

/// A row when the process `$1` was seen in the last `$2` seconds.
pub(super) const ALIVE: &str = "SELECT 1 FROM processes \
     WHERE id = $1 AND seen_at > EXTRACT(EPOCH FROM clock_timestamp())::BIGINT - $2";

/// The processes. One process owns an SQLite file: there is nothing to tell there.
#[derive(Debug, Clone, Copy)]
pub struct Processes<'a>(pub(super) &'a Store);

impl Processes<'_> {
    /// Shows that this process is alive.
    pub async fn show(&self) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO processes (id, seen_at) \
             VALUES ($1, EXTRACT(EPOCH FROM clock_timestamp())::BIGINT) \
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";
        if let Db::Postgres(pool) = &self.0.db {
            sqlx::query(SQL).bind(&*self.0.process).execute(pool).await?;
        }
        Ok(())
    }

    /// Takes this process off: others may take over at once what it had begun.
    pub async fn withdraw(&self) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM processes WHERE id = $1";
        if let Db::Postgres(pool) = &self.0.db {
            sqlx::query(SQL).bind(&*self.0.process).execute(pool).await?;
        }
        Ok(())
    }

    /// Forgets the processes that have gone without withdrawing.
    pub async fn prune(&self) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM processes \
             WHERE seen_at < EXTRACT(EPOCH FROM clock_timestamp())::BIGINT - 100 * $1";
        if let Db::Postgres(pool) = &self.0.db {
            sqlx::query(SQL).bind(LEASE_SECONDS).execute(pool).await?;
        }
        Ok(())
    }
}
