//! Tables `plugin_canaries` and `plugin_canary_apps`.
//!
//! Beginning or ending a canary gives its plugin's decision a new revision, so that the other processes look.

use std::collections::BTreeMap;

use sqlx::FromRow;

use super::plugin_decisions::{FORGET_VERSIONS, KEPT_VERSIONS};
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, settings_revision, to_sql};
use crate::model::{CanaryCounts, CanaryState, PluginCanary};

const READ_APPS: &str =
    "SELECT app, calls, failures, stable_calls, stable_failures FROM plugin_canary_apps WHERE plugin = $1";

/// The statement by which processes notice that something changed.
const MOVE_ON: &str = "UPDATE plugin_decisions SET revision = $2 WHERE plugin = $1";

/// The versions that only some users get.
#[derive(Debug, Clone, Copy)]
pub struct PluginCanaries<'a>(pub(super) &'a Store);

impl PluginCanaries<'_> {
    /// The last canary of a plugin, whatever became of it.
    pub async fn find(&self, plugin: &str) -> Result<Option<PluginCanary>, StoreError> {
        const SQL: &str = "SELECT plugin, began, digest, percent, openids, state, reason, began_at, ended_at, calls, \
             failures, stable_calls, stable_failures FROM plugin_canaries WHERE plugin = $1";
        if !may_be_stored(&[plugin]) {
            return Ok(None);
        }
        let row: Option<CanaryRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(plugin).fetch_optional(pool).await)?;
        row.map(CanaryRow::open).transpose()
    }

    /// The plugins of which a canary runs.
    pub async fn running(&self) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "SELECT plugin FROM plugin_canaries WHERE state = 'running' ORDER BY plugin";
        Ok(on_db!(&self.0.db, pool => sqlx::query_scalar(SQL).fetch_all(pool).await)?)
    }

    /// Lets a version that is kept run for some users. The one that runs for some already goes on with what was
    /// counted; another one takes its place.
    pub async fn begin(&self, plugin: &str, digest: &str, percent: u8, openids: &[String]) -> Result<(), StoreError> {
        const CHANGE: &str = "UPDATE plugin_canaries SET percent = $3, openids = $4 \
             WHERE plugin = $1 AND digest = $2 AND state = 'running'";
        const BEGIN: &str = "INSERT INTO plugin_canaries (plugin, began, digest, percent, openids, state, began_at, \
             calls, failures, stable_calls, stable_failures) VALUES ($1, $2, $3, $4, $5, 'running', $6, 0, 0, 0, 0) \
             ON CONFLICT (plugin) DO UPDATE SET began = excluded.began, digest = excluded.digest, \
             percent = excluded.percent, openids = excluded.openids, state = excluded.state, reason = NULL, \
             began_at = excluded.began_at, ended_at = NULL, calls = 0, failures = 0, stable_calls = 0, \
             stable_failures = 0";
        const FORGET_APPS: &str = "DELETE FROM plugin_canary_apps WHERE plugin = $1";
        let openids = serde_json::Value::from(openids).to_string();
        in_transaction!(&self.0.db, connection => {
            sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
            let revision: i64 = sqlx::query_scalar(settings_revision::READ).fetch_one(&mut *connection).await?;
            let change = sqlx::query(CHANGE).bind(plugin).bind(digest).bind(i64::from(percent)).bind(&openids);
            if change.execute(&mut *connection).await?.rows_affected() == 0 {
                sqlx::query(BEGIN)
                    .bind(plugin)
                    .bind(revision)
                    .bind(digest)
                    .bind(i64::from(percent))
                    .bind(&openids)
                    .bind(to_sql(self.0.clock.now()))
                    .execute(&mut *connection)
                    .await?;
                let forget = sqlx::query(FORGET_VERSIONS).bind(plugin).bind(i64::from(KEPT_VERSIONS));
                forget.execute(&mut *connection).await?;
                sqlx::query(FORGET_APPS).bind(plugin).execute(&mut *connection).await?;
            }
            sqlx::query(MOVE_ON).bind(plugin).bind(revision).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// Takes the canary back that began then; false when it has ended already.
    pub async fn take_back(&self, plugin: &str, began: u64, reason: &str) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE plugin_canaries SET state = 'taken_back', reason = $3, ended_at = $4 \
             WHERE plugin = $1 AND began = $2 AND state = 'running'";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
            let revision: i64 = sqlx::query_scalar(settings_revision::READ).fetch_one(&mut *connection).await?;
            let end = sqlx::query(SQL).bind(plugin).bind(to_sql(began)).bind(reason).bind(to_sql(self.0.clock.now()));
            if end.execute(&mut *connection).await?.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(MOVE_ON).bind(plugin).bind(revision).execute(&mut *connection).await?;
        });
        Ok(true)
    }

    /// Adds to what was counted of the canary that began then, by app, and gives the sum of each app that is there;
    /// none when it has ended. Apps that are gone count for all together only.
    pub async fn count(
        &self,
        plugin: &str,
        began: u64,
        more: &BTreeMap<String, CanaryCounts>,
    ) -> Result<Option<BTreeMap<String, CanaryCounts>>, StoreError> {
        // Locks the row: others count too.
        const READ: &str = "UPDATE plugin_canaries SET calls = calls WHERE plugin = $1 AND began = $2 \
             AND state = 'running' RETURNING calls, failures, stable_calls, stable_failures";
        const WRITE: &str = "UPDATE plugin_canaries SET calls = $2, failures = $3, stable_calls = $4, \
             stable_failures = $5 WHERE plugin = $1";
        const WRITE_APP: &str = "INSERT INTO plugin_canary_apps (plugin, app, calls, failures, stable_calls, \
             stable_failures) SELECT $1, name, $2, $3, $4, $5 FROM apps WHERE name = $6 \
             ON CONFLICT (plugin, app) DO UPDATE SET calls = excluded.calls, failures = excluded.failures, \
             stable_calls = excluded.stable_calls, stable_failures = excluded.stable_failures";
        let all = more.values().fold(CanaryCounts::default(), |sum, app| sum.plus(*app));
        let apps = in_transaction!(&self.0.db, connection => {
            let read = sqlx::query_as(READ).bind(plugin).bind(to_sql(began));
            let Some(row): Option<(i64, i64, i64, i64)> = read.fetch_optional(&mut *connection).await? else {
                return Ok(None);
            };
            let bound = |sql: &'static str, sum: CanaryCounts| {
                sqlx::query(sql)
                    .bind(plugin)
                    .bind(to_sql(sum.calls))
                    .bind(to_sql(sum.failures))
                    .bind(to_sql(sum.stable_calls))
                    .bind(to_sql(sum.stable_failures))
            };
            bound(WRITE, counts(row).and(all)).execute(&mut *connection).await?;
            let read = sqlx::query_as(READ_APPS).bind(plugin);
            let mut apps = by_app(read.fetch_all(&mut *connection).await?);
            for (app, more) in more {
                let sum = apps.get(app).copied().unwrap_or_default().and(*more);
                let written = bound(WRITE_APP, sum).bind(app).execute(&mut *connection).await?;
                if written.rows_affected() > 0 {
                    apps.insert(app.clone(), sum);
                }
            }
            apps
        });
        Ok(Some(apps))
    }

    /// Forgets what was counted of a plugin's canary for an app, so that it is looked at anew there.
    pub async fn forget(&self, plugin: &str, app: &str) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM plugin_canary_apps WHERE plugin = $1 AND app = $2";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(plugin).bind(app).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// What was counted of a plugin's last canary, by app.
    pub async fn apps(&self, plugin: &str) -> Result<BTreeMap<String, CanaryCounts>, StoreError> {
        Ok(by_app(on_db!(&self.0.db, pool => sqlx::query_as(READ_APPS).bind(plugin).fetch_all(pool).await)?))
    }
}

fn by_app(rows: Vec<(String, i64, i64, i64, i64)>) -> BTreeMap<String, CanaryCounts> {
    let open = |(app, calls, failures, stable_calls, stable_failures)| {
        (app, counts((calls, failures, stable_calls, stable_failures)))
    };
    rows.into_iter().map(open).collect()
}

fn counts((calls, failures, stable_calls, stable_failures): (i64, i64, i64, i64)) -> CanaryCounts {
    CanaryCounts {
        calls: from_sql(calls),
        failures: from_sql(failures),
        stable_calls: from_sql(stable_calls),
        stable_failures: from_sql(stable_failures),
    }
}

#[derive(FromRow)]
struct CanaryRow {
    plugin: String,
    began: i64,
    digest: String,
    percent: i64,
    openids: String,
    state: String,
    reason: Option<String>,
    began_at: i64,
    ended_at: Option<i64>,
    calls: i64,
    failures: i64,
    stable_calls: i64,
    stable_failures: i64,
}

impl CanaryRow {
    fn open(self) -> Result<PluginCanary, StoreError> {
        let corrupt = |column: &str| StoreError::Corrupt { what: format!("plugin_canaries.{column}/{}", self.plugin) };
        Ok(PluginCanary {
            percent: u8::try_from(self.percent).map_err(|_| corrupt("percent"))?,
            openids: serde_json::from_str(&self.openids).map_err(|_| corrupt("openids"))?,
            state: self.state.parse::<CanaryState>().map_err(|_| corrupt("state"))?,
            counts: counts((self.calls, self.failures, self.stable_calls, self.stable_failures)),
            began: from_sql(self.began),
            digest: self.digest,
            reason: self.reason,
            began_at: from_sql(self.began_at),
            ended_at: self.ended_at.map(from_sql),
            plugin: self.plugin,
        })
    }
}
