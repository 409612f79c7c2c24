//! Table `plugin_replicas`: what runs where.

use std::collections::BTreeMap;

use super::{Store, StoreError, from_sql, in_transaction, on_db, to_sql};

/// What plugins run in the processes that share the database.
#[derive(Debug, Clone, Copy)]
pub struct PluginReplicas<'a>(pub(super) &'a Store);

/// What one process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginReplica {
    /// Which process it is; another one after a restart.
    pub process: String,
    /// The digest of each plugin that runs there.
    pub running: BTreeMap<String, String>,
    /// When it said so last; seconds since 1970.
    pub seen_at: u64,
}

impl PluginReplicas<'_> {
    /// Says what this process runs, and forgets processes that have said nothing for `silence` seconds.
    pub async fn report(&self, running: &BTreeMap<String, String>, silence: u64) -> Result<(), StoreError> {
        const REPORT: &str = "INSERT INTO plugin_replicas (process, running, seen_at) VALUES ($1, $2, $3) \
             ON CONFLICT (process) DO UPDATE SET running = excluded.running, seen_at = excluded.seen_at";
        const FORGET: &str = "DELETE FROM plugin_replicas WHERE seen_at < $1";
        let now = self.0.clock.now();
        let running = serde_json::to_string(running).unwrap_or_default();
        in_transaction!(&self.0.db, connection => {
            let report = sqlx::query(REPORT).bind(&*self.0.process).bind(running).bind(to_sql(now));
            report.execute(&mut *connection).await?;
            sqlx::query(FORGET).bind(to_sql(now.saturating_sub(silence))).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// Those that have said something within `silence` seconds, by process.
    pub async fn list(&self, silence: u64) -> Result<Vec<PluginReplica>, StoreError> {
        const SQL: &str = "SELECT process, running, seen_at FROM plugin_replicas WHERE seen_at >= $1 ORDER BY process";
        let since = to_sql(self.0.clock.now().saturating_sub(silence));
        let rows: Vec<(String, String, i64)> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(since).fetch_all(pool).await)?;
        let open = |(process, running, seen_at): (String, String, i64)| {
            let corrupt = |_| StoreError::Corrupt { what: format!("plugin_replicas.running/{process}") };
            let running = serde_json::from_str(&running).map_err(corrupt)?;
            Ok(PluginReplica { process, running, seen_at: from_sql(seen_at) })
        };
        rows.into_iter().map(open).collect()
    }
}
