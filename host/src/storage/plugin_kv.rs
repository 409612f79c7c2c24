//! Tables `plugin_kv` and `plugin_kv_totals`: a key-value store for each plugin in each app.
//!
//! Every write first locks its row of totals. So the writes of one plugin in one app follow each other, its quota is
//! exact, and versions only grow. Calls of one app wait for their turn before they ask for a connection.

use super::error::is_missing_parent;
use super::{Store, StoreError, from_sql, in_transaction, on_db, to_sql};

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

/// Why a call on the key-value store failed.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// The key cannot be one.
    #[error("a key is 1 to {MAX_KEY_BYTES} bytes and holds no U+0000")]
    InvalidKey,
    /// The key is not at the expected version.
    #[error("the key is at another version")]
    Conflict,
    /// The value is too long.
    #[error("a value has at most {0} bytes")]
    ValueTooLong(u64),
    /// There are too many keys.
    #[error("at most {0} keys may be kept")]
    TooManyKeys(u64),
    /// Everything together is too long.
    #[error("at most {0} bytes may be kept, keys and values together")]
    TotalTooLong(u64),
    /// The storage failed, or there is no such app ([`StoreError::NotFound`]).
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for KvError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Longest key, in bytes.
const MAX_KEY_BYTES: usize = 512;
/// Most keys that one listing gives.
const MAX_KEYS_LISTED: u32 = 1000;

/// Locks the totals of a plugin in an app that is about to write, and takes its next version.
const LOCK_FOR_WRITE: &str = "INSERT INTO plugin_kv_totals (app, plugin, last_version, key_count, byte_count) \
     VALUES ($1, $2, 1, 0, 0) ON CONFLICT (app, plugin) DO UPDATE SET \
     last_version = plugin_kv_totals.last_version + 1 RETURNING last_version, key_count, byte_count";
/// Locks the totals of a plugin in an app, if it ever wrote.
const LOCK: &str = "UPDATE plugin_kv_totals SET last_version = last_version WHERE app = $1 AND plugin = $2";
const ADD_TO_TOTALS: &str = "UPDATE plugin_kv_totals SET key_count = key_count + $3, byte_count = byte_count + $4 \
     WHERE app = $1 AND plugin = $2";

enum Condition {
    Always,
    /// Only at this version, or only when absent.
    At(Option<u64>),
}

impl PluginKv<'_> {
    /// The entry; none when there is no such key or its time is over.
    pub async fn get(&self, app: &str, plugin: &str, key: &str) -> Result<Option<KvEntry>, KvError> {
        const SQL: &str = "SELECT value, version FROM plugin_kv WHERE app = $1 AND plugin = $2 AND key = $3 \
             AND (expires_at IS NULL OR expires_at > $4)";
        check_key(key)?;
        let _turn = self.0.kv_turns.to_read(app).await;
        let now = to_sql(self.0.clock.now());
        let row: Option<(Vec<u8>, i64)> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(plugin).bind(key).bind(now).fetch_optional(pool).await
        })?;
        Ok(row.map(|(value, version)| KvEntry { value, version: from_sql(version) }))
    }

    /// Writes whatever was there before. Returns the new version.
    pub async fn set(&self, app: &str, plugin: &str, write: KvWrite<'_>, quota: &KvQuota) -> Result<u64, KvError> {
        self.write(app, plugin, &Condition::Always, write, quota).await
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
        self.write(app, plugin, &Condition::At(expected), write, quota).await
    }

    /// Deletes the key; true when there was something to delete.
    pub async fn delete(&self, app: &str, plugin: &str, key: &str) -> Result<bool, KvError> {
        const SQL: &str =
            "DELETE FROM plugin_kv WHERE app = $1 AND plugin = $2 AND key = $3 RETURNING size, expires_at";
        check_key(key)?;
        let _turn = self.0.kv_turns.to_write(app).await;
        let now = to_sql(self.0.clock.now());
        let deleted: Option<(i64, Option<i64>)> = in_transaction!(&self.0.db, connection => {
            sqlx::query(LOCK).bind(app).bind(plugin).execute(&mut *connection).await?;
            let deleted: Option<(i64, Option<i64>)> =
                sqlx::query_as(SQL).bind(app).bind(plugin).bind(key).fetch_optional(&mut *connection).await?;
            if let Some((size, _)) = deleted {
                sqlx::query(ADD_TO_TOTALS).bind(app).bind(plugin).bind(-1_i64).bind(-size).execute(&mut *connection).await?;
            }
            deleted
        });
        Ok(deleted.is_some_and(|(_, expires_at)| is_live(expires_at, now)))
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
    ) -> Result<Vec<String>, KvError> {
        const SQL: &str = "SELECT key FROM plugin_kv WHERE app = $1 AND plugin = $2 \
             AND key >= $3 AND ($4 IS NULL OR key < $4) AND key > $5 \
             AND (expires_at IS NULL OR expires_at > $6) ORDER BY key LIMIT $7";
        let after = after.unwrap_or_default();
        if prefix.contains('\0') || after.contains('\0') {
            return Err(KvError::InvalidKey);
        }
        let end = end_of_prefix(prefix);
        let _turn = self.0.kv_turns.to_read(app).await;
        let now = to_sql(self.0.clock.now());
        let limit = i64::from(limit.min(MAX_KEYS_LISTED));
        let keys = on_db!(&self.0.db, pool => {
            sqlx::query_scalar(SQL)
                .bind(app)
                .bind(plugin)
                .bind(prefix)
                .bind(end)
                .bind(after)
                .bind(now)
                .bind(limit)
                .fetch_all(pool)
                .await
        })?;
        Ok(keys)
    }

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
            left = left.saturating_sub(purged);
        }
        Ok(u64::from(limit) - left)
    }

    async fn purge_expired_of(&self, app: &str, plugin: &str, now: i64, limit: i64) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM plugin_kv WHERE app = $1 AND plugin = $2 AND key IN \
             (SELECT key FROM plugin_kv WHERE app = $1 AND plugin = $2 AND expires_at <= $3 LIMIT $4) RETURNING size";
        let sizes: Vec<i64> = in_transaction!(&self.0.db, connection => {
            sqlx::query(LOCK).bind(app).bind(plugin).execute(&mut *connection).await?;
            let sizes: Vec<i64> = sqlx::query_scalar(SQL)
                .bind(app)
                .bind(plugin)
                .bind(now)
                .bind(limit)
                .fetch_all(&mut *connection)
                .await?;
            sqlx::query(ADD_TO_TOTALS)
                .bind(app)
                .bind(plugin)
                .bind(-count(&sizes))
                .bind(-sizes.iter().sum::<i64>())
                .execute(&mut *connection)
                .await?;
            sizes
        });
        Ok(from_sql(count(&sizes)))
    }

    async fn write(
        &self,
        app: &str,
        plugin: &str,
        condition: &Condition,
        write: KvWrite<'_>,
        quota: &KvQuota,
    ) -> Result<u64, KvError> {
        const CURRENT: &str =
            "SELECT version, size, expires_at FROM plugin_kv WHERE app = $1 AND plugin = $2 AND key = $3";
        const PURGE: &str =
            "DELETE FROM plugin_kv WHERE app = $1 AND plugin = $2 AND key <> $3 AND expires_at <= $4 RETURNING size";
        const PUT: &str = "INSERT INTO plugin_kv (app, plugin, key, value, version, size, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (app, plugin, key) DO UPDATE SET \
             value = excluded.value, version = excluded.version, size = excluded.size, expires_at = excluded.expires_at";
        const SET_TOTALS: &str =
            "UPDATE plugin_kv_totals SET key_count = $3, byte_count = $4 WHERE app = $1 AND plugin = $2";
        let KvWrite { key, value, ttl_seconds } = write;
        check_key(key)?;
        let value_bytes = u64::try_from(value.len()).unwrap_or(u64::MAX);
        if value_bytes > quota.max_value_bytes {
            return Err(KvError::ValueTooLong(quota.max_value_bytes));
        }
        let size = to_sql(value_bytes.saturating_add(key.len() as u64));
        let _turn = self.0.kv_turns.to_write(app).await;
        let now = self.0.clock.now();
        let expires_at = ttl_seconds.map(|seconds| to_sql(now.saturating_add(seconds.into())));
        let now = to_sql(now);
        let missing = |error: sqlx::Error| {
            if is_missing_parent(&error) {
                StoreError::NotFound { kind: "app", name: app.to_owned() }
            } else {
                error.into()
            }
        };
        let version: i64 = in_transaction!(&self.0.db, connection => {
            let (version, keys, bytes): (i64, i64, i64) =
                sqlx::query_as(LOCK_FOR_WRITE).bind(app).bind(plugin).fetch_one(&mut *connection).await?;
            let current: Option<(i64, i64, Option<i64>)> =
                sqlx::query_as(CURRENT).bind(app).bind(plugin).bind(key).fetch_optional(&mut *connection).await?;
            let live = current.filter(|(_, _, expires_at)| is_live(*expires_at, now));
            if let Condition::At(expected) = condition
                && live.map(|(version, ..)| from_sql(version)) != *expected
            {
                return Err(KvError::Conflict);
            }
            let mut totals = Totals { keys, bytes };
            totals.replace(current.map(|(_, size, _)| size), size);
            let live_size = live.map(|(_, size, _)| size);
            if totals.check(live_size, size, quota).is_err() {
                let purged: Vec<i64> = sqlx::query_scalar(PURGE)
                    .bind(app)
                    .bind(plugin)
                    .bind(key)
                    .bind(now)
                    .fetch_all(&mut *connection)
                    .await?;
                totals.remove(&purged);
                totals.check(live_size, size, quota)?;
            }
            sqlx::query(PUT)
                .bind(app)
                .bind(plugin)
                .bind(key)
                .bind(value)
                .bind(version)
                .bind(size)
                .bind(expires_at)
                .execute(&mut *connection)
                .await
                .map_err(missing)?;
            sqlx::query(SET_TOTALS)
                .bind(app)
                .bind(plugin)
                .bind(totals.keys)
                .bind(totals.bytes)
                .execute(&mut *connection)
                .await?;
            version
        });
        Ok(from_sql(version))
    }
}

/// What a plugin keeps in an app.
struct Totals {
    keys: i64,
    bytes: i64,
}

impl Totals {
    /// A value of `new` bytes comes, in the place of one of `old` bytes if there is one.
    fn replace(&mut self, old: Option<i64>, new: i64) {
        self.keys += i64::from(old.is_none());
        self.bytes = self.bytes.saturating_add(new) - old.unwrap_or(0);
    }

    fn remove(&mut self, sizes: &[i64]) {
        self.keys -= count(sizes);
        self.bytes -= sizes.iter().sum::<i64>();
    }

    /// Whether the totals may be so after a value of `new` bytes took the place of a living one of `old` bytes.
    fn check(&self, old: Option<i64>, new: i64, quota: &KvQuota) -> Result<(), KvError> {
        if old.is_none() && self.keys > to_sql(quota.max_keys) {
            return Err(KvError::TooManyKeys(quota.max_keys));
        }
        if new > old.unwrap_or(0) && self.bytes > to_sql(quota.max_total_bytes) {
            return Err(KvError::TotalTooLong(quota.max_total_bytes));
        }
        Ok(())
    }
}

fn check_key(key: &str) -> Result<(), KvError> {
    // PostgreSQL cannot store U+0000 in a text.
    if (1..=MAX_KEY_BYTES).contains(&key.len()) && !key.contains('\0') { Ok(()) } else { Err(KvError::InvalidKey) }
}

fn is_live(expires_at: Option<i64>, now: i64) -> bool {
    expires_at.is_none_or(|end| end > now)
}

fn count(sizes: &[i64]) -> i64 {
    i64::try_from(sizes.len()).unwrap_or(i64::MAX)
}

/// The first text behind all texts that begin with `prefix`; none when there is no end (texts compare by their bytes,
/// which is the order of their characters).
fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let mut behind = last..=char::MAX;
        behind.next();
        if let Some(next) = behind.next() {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::end_of_prefix;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_that_does_not_begin_with_it() {
        for (prefix, end) in [
            ("", None),
            ("a", Some("b")),
            ("user/", Some("user0")),
            ("店", Some("\u{5e98}")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}\u{10ffff}", None),
        ] {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix:?}");
        }
    }
}
