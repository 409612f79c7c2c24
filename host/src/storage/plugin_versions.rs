//! Table `plugin_versions`: the files of plugins, for the processes that do not have them.

use sqlx::FromRow;

use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::PluginVersion;

/// The last good versions of the plugins. What is decided ([`PluginDecisions`](super::PluginDecisions)) forgets the
/// oldest.
#[derive(Debug, Clone, Copy)]
pub struct PluginVersions<'a>(pub(super) &'a Store);

impl PluginVersions<'_> {
    /// Keeps a version as the newest one; one that is there stays as it is.
    pub async fn keep(&self, plugin: &str, digest: &str, version: &str, bytes: &[u8]) -> Result<(), StoreError> {
        const KNOWN: &str = "SELECT COUNT(*) FROM plugin_versions WHERE plugin = $1 AND digest = $2";
        const KEEP: &str = "INSERT INTO plugin_versions (plugin, digest, number, version, size, first_at, bytes) \
             SELECT $1, $2, revision + 1, $3, $4, $5, $6 FROM settings_revision WHERE true \
             ON CONFLICT (plugin, digest) DO NOTHING";
        // A file is long: it is sent only where it is missing.
        let known: i64 = on_db!(&self.0.db, pool => {
            sqlx::query_scalar(KNOWN).bind(plugin).bind(digest).fetch_one(pool).await
        })?;
        if known > 0 {
            return Ok(());
        }
        // PostgreSQL knows no text with U+0000.
        let version = version.replace('\0', "");
        in_transaction!(&self.0.db, connection => {
            sqlx::query(KEEP)
                .bind(plugin)
                .bind(digest)
                .bind(version)
                .bind(to_sql(bytes.len() as u64))
                .bind(to_sql(self.0.clock.now()))
                .bind(bytes)
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// The versions of a plugin, newest first.
    pub async fn list(&self, plugin: &str) -> Result<Vec<PluginVersion>, StoreError> {
        const SQL: &str = "SELECT digest, version, size, number, ran_for_all, rolled_back, first_at FROM plugin_versions \
             WHERE plugin = $1 ORDER BY number DESC";
        if !may_be_stored(&[plugin]) {
            return Ok(Vec::new());
        }
        let rows: Vec<VersionRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(plugin).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(VersionRow::open).collect())
    }

    /// The file of a version.
    pub async fn bytes(&self, plugin: &str, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        const SQL: &str = "SELECT bytes FROM plugin_versions WHERE plugin = $1 AND digest = $2";
        if !may_be_stored(&[plugin, digest]) {
            return Ok(None);
        }
        Ok(on_db!(&self.0.db, pool => sqlx::query_scalar(SQL).bind(plugin).bind(digest).fetch_optional(pool).await)?)
    }
}

#[derive(FromRow)]
struct VersionRow {
    digest: String,
    version: String,
    size: i64,
    number: i64,
    ran_for_all: bool,
    rolled_back: bool,
    first_at: i64,
}

impl VersionRow {
    fn open(self) -> PluginVersion {
        PluginVersion {
            digest: self.digest,
            version: self.version,
            size: from_sql(self.size),
            number: from_sql(self.number),
            ran_for_all: self.ran_for_all,
            rolled_back: self.rolled_back,
            first_at: from_sql(self.first_at),
        }
    }
}
