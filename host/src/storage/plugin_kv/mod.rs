//! Tables `plugin_kv` and `plugin_kv_totals`: a key-value store for each plugin in each app.
//!
//! What is read is read at once. What is written, by whichever plugin for whichever app, is written by one task, many at a
//! time: `row` is a write, `turns` says how many of an app may wait, `writer` has the task, `batch` and `owners` are its
//! SQL, and `decision` says what becomes of each write. Whoever writes holds the row of totals: the writes of one plugin
//! in one app follow each other, in however many processes, its quota is exact, and versions only grow.

mod batch;
mod decision;
mod error;
mod expiry;
mod key;
mod owners;
mod row;
mod turns;
mod writer;

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use tokio::sync::OwnedSemaphorePermit;

pub use self::error::KvError;
use self::{
    key::{check_key, range},
    row::{Change, Condition, KvRow, Outcome},
};
pub(super) use self::{turns::KvTurns, writer::KvWriter};
use super::{Db, Store, from_sql, on_db, to_sql};

/// The key-value stores of the plugins.
#[derive(Debug, Clone, Copy)]
pub struct PluginKv<'a>(pub(super) &'a Store);

/// A value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    /// As it was written.
    pub value: Vec<u8>,
    /// Changes with every write of the key and never comes again for it, not even after a deletion.
    pub version: u64,
}

/// Keys that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvKeys {
    /// In the order of their bytes.
    pub keys: Vec<String>,
    /// How long this process looked for them, once there was a connection: there may be many between them whose time is
    /// over. Nothing where another process does.
    pub took: Duration,
}

/// What is to be written.
#[derive(Debug, Clone, Copy)]
pub struct KvWrite<'a> {
    /// 1 to 512 bytes.
    pub key: &'a str,
    /// At most [`KvQuota::max_value_bytes`].
    pub value: &'a [u8],
    /// How long to keep it; for good without.
    pub ttl_seconds: Option<u32>,
}

/// How much one plugin may keep in one app. What is over counts until something else needs the room. When a limit is
/// lowered, what is there stays and may shrink, not grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvQuota {
    /// Bytes of one value.
    pub max_value_bytes: u64,
    /// Number of keys.
    pub max_keys: u64,
    /// Bytes of all keys and values together.
    pub max_total_bytes: u64,
}

/// Most keys that one listing gives.
const MAX_KEYS_LISTED: u32 = 1000;

/// With one bound at each end, of the index no more is read than lies between them.
const KEYS: &str = "SELECT key FROM plugin_kv WHERE app = $1 AND plugin = $2 AND key >= $3 AND key < $4 \
     AND (expires_at IS NULL OR expires_at > $5) ORDER BY key LIMIT $6";

impl PluginKv<'_> {
    /// The entry; none when there is no such key or its time is over.
    pub async fn get(&self, app: &str, plugin: &str, key: &str) -> Result<Option<KvEntry>, KvError> {
        const SQL: &str = "SELECT value, version FROM plugin_kv WHERE app = $1 AND plugin = $2 AND key = $3 \
             AND (expires_at IS NULL OR expires_at > $4)";
        check_key(key)?;
        let now = to_sql(self.0.clock.now());
        let row: Option<(Vec<u8>, i64)> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(plugin).bind(key).bind(now).fetch_optional(pool).await
        })?;
        Ok(row.map(|(value, version)| KvEntry { value, version: from_sql(version) }))
    }

    /// Writes whatever was there before. Returns the new version.
    pub async fn set(&self, app: &str, plugin: &str, write: KvWrite<'_>, quota: &KvQuota) -> Result<u64, KvError> {
        self.put(app, plugin, Condition::Always, write, quota).await
    }

    /// Writes only if the key is at version `expected`, or absent for none; [`KvError::Conflict`] otherwise. Returns
    /// the new version.
    pub async fn compare_and_set(
        &self,
        app: &str,
        plugin: &str,
        expected: Option<u64>,
        write: KvWrite<'_>,
        quota: &KvQuota,
    ) -> Result<u64, KvError> {
        self.put(app, plugin, Condition::At(expected), write, quota).await
    }

    /// Deletes the key; true when there was something to delete.
    pub async fn delete(&self, app: &str, plugin: &str, key: &str) -> Result<bool, KvError> {
        check_key(key)?;
        let turn = self.0.kv_turns.to_write(app, 0).await;
        Ok(self.change((app, plugin), key, Change::Delete, turn).await?.result?.existed)
    }

    /// The keys that begin with `prefix`, in the order of their bytes, from behind `after` on; at most `limit` and
    /// never more than 1000.
    pub async fn keys(
        &self,
        app: &str,
        plugin: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<KvKeys, KvError> {
        if prefix.contains('\0') || after.is_some_and(|after| after.contains('\0')) {
            return Err(KvError::InvalidKey);
        }
        let Range { start, end } = range(prefix, after);
        let now = to_sql(self.0.clock.now());
        let limit = i64::from(limit.min(MAX_KEYS_LISTED));
        on_db!(&self.0.db, pool => {
            let mut connection = pool.acquire().await?;
            let began = Instant::now();
            let keys = sqlx::query_scalar(KEYS)
                .bind(app)
                .bind(plugin)
                .bind(start)
                .bind(end)
                .bind(now)
                .bind(limit)
                .fetch_all(&mut *connection)
                .await?;
            let is_here = matches!(self.0.db, Db::Sqlite { .. });
            Ok(KvKeys { keys, took: if is_here { began.elapsed() } else { Duration::ZERO } })
        })
    }

    async fn put(
        &self,
        app: &str,
        plugin: &str,
        condition: Condition,
        write: KvWrite<'_>,
        quota: &KvQuota,
    ) -> Result<u64, KvError> {
        let KvWrite { key, value, ttl_seconds } = write;
        check_key(key)?;
        if value.len() as u64 > quota.max_value_bytes {
            return Err(KvError::ValueTooLong(quota.max_value_bytes));
        }
        loop {
            let turn = self.0.kv_turns.to_write(app, value.len()).await;
            let change = Change::Put { value: value.to_vec(), ttl_seconds, condition, quota: *quota };
            let Outcome { result, may_pass } = self.change((app, plugin), key, change, turn).await?;
            if !may_pass {
                return Ok(result?.version);
            }
        }
    }

    async fn change(
        &self,
        (app, plugin): (&str, &str),
        key: &str,
        change: Change,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Result<Outcome, KvError> {
        let (app, plugin, key) = (app.to_owned(), plugin.to_owned(), key.to_owned());
        let row = KvRow { app, plugin, key, change, _turn: turn };
        Ok(self.0.kv_writer.of(self.0).write(row).await?)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

    use super::KEYS;
    use crate::storage::SQLITE_MIGRATIONS;

    #[tokio::test]
    async fn sqlite_looks_for_keys_between_two_bounds_and_sorts_nothing() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        SQLITE_MIGRATIONS.run(&mut connection).await.unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {KEYS}"));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(&mut connection).await.unwrap();
        let [(_, _, _, step)] = plan.as_slice() else { panic!("more than one step: {plan:?}") };
        assert!(step.ends_with("(app=? AND plugin=? AND key>? AND key<?)"), "{step}");
    }
}
