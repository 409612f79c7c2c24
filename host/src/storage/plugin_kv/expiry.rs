//! Entries whose time is over go in the background, a part at a time.

use serde_json::json;

use super::{
    PluginKv,
    batch::{PURGE, lock},
    owners::{Removed, TotalsRow},
};
use crate::storage::{StoreError, in_transaction, on_db, to_sql};

impl PluginKv<'_> {
    /// Removes up to `limit` entries whose time is over, of all plugins and apps. Returns how many there were.
    pub async fn purge_expired(&self, limit: u32) -> Result<u64, StoreError> {
        const OWNER: &str = "SELECT app, plugin FROM plugin_kv WHERE expires_at <= $1 LIMIT 1";
        let now = to_sql(self.0.clock.now());
        let mut left = u64::from(limit);
        while left > 0 {
            let owner: Option<(String, String)> =
                on_db!(&self.0.db, pool => sqlx::query_as(OWNER).bind(now).fetch_optional(pool).await)?;
            let Some((app, plugin)) = owner else { break };
            let purged = self.purge_expired_of(&app, &plugin, now, to_sql(left)).await?;
            if purged == 0 {
                // Another process was faster, or the app is being deleted.
                break;
            }
            left = left.saturating_sub(purged);
        }
        Ok(u64::from(limit) - left)
    }

    async fn purge_expired_of(&self, app: &str, plugin: &str, now: i64, limit: i64) -> Result<u64, StoreError> {
        const SUBTRACT: &str = "UPDATE plugin_kv_totals SET key_count = key_count - $3, byte_count = byte_count - $4 \
             WHERE app = $1 AND plugin = $2";
        let db = &self.0.db;
        let owner = json!([{"app": app, "plugin": plugin, "writes": 0}]).to_string();
        let removed: Vec<Removed> = in_transaction!(db, connection => {
            let locked: Option<TotalsRow> =
                sqlx::query_as(lock(db)).bind(&owner).fetch_optional(&mut *connection).await?;
            if locked.is_none() {
                return Ok(0);
            }
            let removed: Vec<Removed> = sqlx::query_as(PURGE)
                .bind(app)
                .bind(plugin)
                .bind(now)
                .bind(limit)
                .fetch_all(&mut *connection)
                .await?;
            sqlx::query(SUBTRACT)
                .bind(app)
                .bind(plugin)
                .bind(to_sql(removed.len() as u64))
                .bind(removed.iter().map(|(_, size)| size).sum::<i64>())
                .execute(&mut *connection)
                .await?;
            removed
        });
        Ok(removed.len() as u64)
    }
}
