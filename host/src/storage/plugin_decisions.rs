//! Table `plugin_decisions`.

use sqlx::FromRow;

use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, settings_revision, to_sql};
use crate::model::{PluginDecision, PluginSource};

/// How many versions of a plugin are kept, besides those in use, that ran for all users and were not rolled back; and how
/// many of the others, which push out none of these.
pub const KEPT_VERSIONS: u32 = 5;

/// Forgets the versions that are neither among the newest of their kind nor in use.
pub(super) const FORGET_VERSIONS: &str = "DELETE FROM plugin_versions WHERE plugin = $1 AND digest NOT IN \
     (SELECT digest FROM plugin_versions WHERE plugin = $1 AND ran_for_all AND NOT rolled_back ORDER BY number DESC LIMIT $2) \
     AND digest NOT IN \
     (SELECT digest FROM plugin_versions WHERE plugin = $1 AND (rolled_back OR NOT ran_for_all) ORDER BY number DESC LIMIT $2) \
     AND digest NOT IN (SELECT digest FROM plugin_decisions WHERE plugin = $1 AND digest IS NOT NULL) \
     AND digest NOT IN (SELECT digest FROM plugin_canaries WHERE plugin = $1 AND state = 'running')";

/// What the plugins are to run.
#[derive(Debug, Clone, Copy)]
pub struct PluginDecisions<'a>(pub(super) &'a Store);

impl PluginDecisions<'_> {
    /// Those newer than `revision`, oldest first.
    pub async fn since(&self, revision: u64) -> Result<Vec<PluginDecision>, StoreError> {
        const SQL: &str = "SELECT plugin, revision, digest, source, rolled_back, decided_at FROM plugin_decisions \
             WHERE revision > $1 ORDER BY revision";
        let rows: Vec<DecisionRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(to_sql(revision)).fetch_all(pool).await)?;
        rows.into_iter().map(DecisionRow::open).collect()
    }

    /// Decides that `plugin` runs the version `digest`, or none, and forgets its oldest versions. A version that is
    /// gone back to keeps its place among the others, and those behind it are rolled back. A canary ends: it is what runs now, or taken back.
    pub async fn decide(
        &self,
        plugin: &str,
        digest: Option<&str>,
        source: PluginSource,
        rolled_back: Option<&str>,
    ) -> Result<PluginDecision, StoreError> {
        const DECIDE: &str = "INSERT INTO plugin_decisions (plugin, revision, digest, source, rolled_back, decided_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (plugin) DO UPDATE SET revision = excluded.revision, \
             digest = excluded.digest, source = excluded.source, rolled_back = excluded.rolled_back, \
             decided_at = excluded.decided_at";
        // What was decided before ran, too: a server of an earlier release beside this one does not mark it.
        const MARK: &str = "UPDATE plugin_versions SET ran_for_all = TRUE WHERE plugin = $1 AND NOT ran_for_all \
             AND digest IN ($2, (SELECT digest FROM plugin_decisions WHERE plugin = $1))";
        const ROLL_BACK: &str = "UPDATE plugin_versions SET rolled_back = TRUE WHERE plugin = $1 AND ran_for_all \
             AND number > (SELECT number FROM plugin_versions WHERE plugin = $1 AND digest = $2)";
        const FORGIVE: &str = "UPDATE plugin_versions SET rolled_back = FALSE WHERE plugin = $1 AND digest = $2";
        const RENUMBER: &str = "UPDATE plugin_versions SET number = $3 WHERE plugin = $1 AND digest = $2";
        const END_CANARY: &str = "UPDATE plugin_canaries SET state = CASE WHEN digest = $2 THEN 'promoted' \
             ELSE 'taken_back' END, reason = CASE WHEN digest = $2 THEN NULL ELSE 'another version came' END, \
             ended_at = $3 WHERE plugin = $1 AND state = 'running'";
        let decided_at = self.0.clock.now();
        let revision = in_transaction!(&self.0.db, connection => {
            sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
            let revision: i64 = sqlx::query_scalar(settings_revision::READ).fetch_one(&mut *connection).await?;
            sqlx::query(MARK).bind(plugin).bind(digest).execute(&mut *connection).await?;
            sqlx::query(DECIDE)
                .bind(plugin)
                .bind(revision)
                .bind(digest)
                .bind(source.as_str())
                .bind(rolled_back)
                .bind(to_sql(decided_at))
                .execute(&mut *connection)
                .await?;
            if source == PluginSource::Rollback {
                sqlx::query(ROLL_BACK).bind(plugin).bind(digest).execute(&mut *connection).await?;
            } else {
                sqlx::query(RENUMBER).bind(plugin).bind(digest).bind(revision).execute(&mut *connection).await?;
            }
            sqlx::query(FORGIVE).bind(plugin).bind(digest).execute(&mut *connection).await?;
            let end_canary = sqlx::query(END_CANARY).bind(plugin).bind(digest).bind(to_sql(decided_at));
            end_canary.execute(&mut *connection).await?;
            let forget = sqlx::query(FORGET_VERSIONS).bind(plugin).bind(i64::from(KEPT_VERSIONS));
            forget.execute(&mut *connection).await?;
            revision
        });
        Ok(PluginDecision {
            plugin: plugin.to_owned(),
            revision: from_sql(revision),
            digest: digest.map(str::to_owned),
            source,
            rolled_back: rolled_back.map(str::to_owned),
            decided_at,
        })
    }

    /// What one plugin is to run; none when nothing was ever decided.
    pub async fn find(&self, plugin: &str) -> Result<Option<PluginDecision>, StoreError> {
        const SQL: &str = "SELECT plugin, revision, digest, source, rolled_back, decided_at FROM plugin_decisions \
             WHERE plugin = $1";
        if !may_be_stored(&[plugin]) {
            return Ok(None);
        }
        let row: Option<DecisionRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(plugin).fetch_optional(pool).await)?;
        row.map(DecisionRow::open).transpose()
    }
}

#[derive(FromRow)]
struct DecisionRow {
    plugin: String,
    revision: i64,
    digest: Option<String>,
    source: String,
    rolled_back: Option<String>,
    decided_at: i64,
}

impl DecisionRow {
    fn open(self) -> Result<PluginDecision, StoreError> {
        let unknown = |_| StoreError::Corrupt { what: format!("plugin_decisions.source/{}", self.plugin) };
        Ok(PluginDecision {
            source: self.source.parse().map_err(unknown)?,
            revision: from_sql(self.revision),
            digest: self.digest,
            rolled_back: self.rolled_back,
            decided_at: from_sql(self.decided_at),
            plugin: self.plugin,
        })
    }
}
