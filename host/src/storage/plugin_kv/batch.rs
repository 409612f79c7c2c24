//! Writes of many, in one transaction and as many statements for a thousand as for one.
//!
//! Whoever writes here holds the apps first and then the totals, in the order of their names: so nobody waits for who
//! waits for them, what is read stays true until it is written, and a quota is exact. On PostgreSQL nobody waits long for
//! another process, which may hang: whose totals it holds is refused, and the others are written.

use super::{
    owners::{EntryRow, Owners, Removed, TotalsRow},
    row::{KvRow, Outcome},
};
use crate::storage::{
    Db, Store, StoreError, batch::BatchRow, error::has_waited_in_vain, in_transaction, json_rows::json_rows, to_sql,
};

/// Waits no longer than that for what other processes hold while they write a batch of theirs.
const WAIT: &str = "SET LOCAL lock_timeout = '3s'";

/// The same once one has waited so long in vain.
const WAIT_AGAIN: &str = "SET LOCAL lock_timeout = '1s'";

/// Whose totals another process holds, and with `$2` also who has none yet; takes those that are free.
const HELD: &str = "WITH names AS (SELECT app, plugin FROM json_to_recordset($1::json) AS r (app TEXT, plugin TEXT)), \
     free AS (SELECT t.app, t.plugin FROM plugin_kv_totals t JOIN names n ON t.app = n.app AND t.plugin = n.plugin \
     FOR UPDATE OF t SKIP LOCKED) \
     SELECT n.app, n.plugin FROM names n LEFT JOIN plugin_kv_totals t ON t.app = n.app AND t.plugin = n.plugin \
     WHERE (t.app IS NOT NULL OR $2) AND NOT EXISTS (SELECT 1 FROM free f WHERE f.app = n.app AND f.plugin = n.plugin)";

/// Removes what is over, no more entries than are asked for; tells key and size of each.
pub(super) const PURGE: &str = "DELETE FROM plugin_kv WHERE app = $1 AND plugin = $2 AND key IN \
     (SELECT key FROM plugin_kv WHERE app = $1 AND plugin = $2 AND expires_at <= $3 LIMIT $4) RETURNING key, size";

/// How many entries that are over a batch removes to make room, of all who want some: everybody waits for it, and there
/// may be as many as a quota allows. Who needs more of it has the write tried again.
const PURGED: usize = 512;

impl BatchRow for KvRow {
    const WHAT: &'static str = "writes to key-value stores";
    const REST: u32 = 2;
    const BYTES: usize = 4 << 20;
    type Written = Outcome;

    fn bytes(&self) -> usize {
        self.size()
    }

    async fn write(store: &Store, rows: &[Self]) -> Result<Vec<Self::Written>, StoreError> {
        let mut wanted = Wanted::All;
        loop {
            match (write_for(store, rows, wanted).await, wanted.fewer()) {
                (Err(error), Some(fewer)) if has_waited_in_vain(&error) => wanted = fewer,
                (written, _) => return written,
            }
        }
    }
}

/// For whom of those who write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// For everybody.
    All,
    /// For those whose totals no other process holds.
    Free,
    /// For those of them who have totals: the first ones of somebody show only when whoever makes them is done.
    Known,
}

impl Wanted {
    /// For whom it is tried when another process is waited for in vain.
    fn fewer(self) -> Option<Self> {
        match self {
            Self::All => Some(Self::Free),
            Self::Free => Some(Self::Known),
            Self::Known => None,
        }
    }
}

async fn write_for(store: &Store, rows: &[KvRow], wanted: Wanted) -> Result<Vec<Outcome>, StoreError> {
    let (db, now) = (&store.db, to_sql(store.clock.now()));
    let mut owners = Owners::of(rows);
    in_transaction!(db, connection => {
        if store.is_shared() {
            let wait = if wanted == Wanted::All { WAIT } else { WAIT_AGAIN };
            sqlx::query(wait).execute(&mut *connection).await?;
        }
        if wanted != Wanted::All {
            let (names, or_new) = (owners.names(), wanted == Wanted::Known);
            let held: Vec<(String, String)> =
                sqlx::query_as(HELD).bind(names).bind(or_new).fetch_all(&mut *connection).await?;
            owners.refuse(&held);
        }
        let totals: Vec<TotalsRow> =
            sqlx::query_as(lock(db)).bind(owners.names()).fetch_all(&mut *connection).await?;
        owners.take_totals(totals);
        let entries: Vec<EntryRow> =
            sqlx::query_as(find(db)).bind(owners.keys()).fetch_all(&mut *connection).await?;
        owners.take_entries(entries);
        let most = owners.decide(now).map_or(0, |wanting| (PURGED / wanting).max(1));
        for owner in owners.0.iter_mut().filter(|owner| owner.wants_room()) {
            let removed: Vec<Removed> = sqlx::query_as(PURGE)
                .bind(owner.app)
                .bind(owner.plugin)
                .bind(now)
                .bind(to_sql(most as u64))
                .fetch_all(&mut *connection)
                .await?;
            owner.decide_without(&removed, removed.len() == most, now);
        }
        if let Some((rows, values)) = owners.puts() {
            sqlx::query(put(db)).bind(rows).bind(values).execute(&mut *connection).await?;
        }
        if let Some(rows) = owners.deletions() {
            sqlx::query(delete(db)).bind(rows).execute(&mut *connection).await?;
        }
        if let Some(rows) = owners.totals() {
            sqlx::query(set_totals(db)).bind(rows).execute(&mut *connection).await?;
        }
    });
    Ok(owners.outcomes())
}

/// Holds the totals of owners, and takes as many versions as they have writes; gives those whose apps are there. An app
/// that is being deleted, on PostgreSQL, is as good as gone: nobody waits for the end of that. Until the transaction ends
/// no app goes whose totals are held.
pub(super) fn lock(db: &Db) -> &'static str {
    match db {
        Db::Sqlite { .. } => {
            "INSERT INTO plugin_kv_totals (app, plugin, last_version, key_count, byte_count) \
             SELECT r.app, r.plugin, r.writes, 0, 0 FROM (SELECT value->>'app' AS app, value->>'plugin' AS plugin, \
             value->>'writes' AS writes FROM json_each($1)) AS r JOIN apps a ON a.name = r.app WHERE true \
             ON CONFLICT (app, plugin) DO UPDATE SET \
             last_version = plugin_kv_totals.last_version + excluded.last_version \
             RETURNING app, plugin, last_version, key_count, byte_count"
        }
        Db::Postgres(_) => {
            "INSERT INTO plugin_kv_totals (app, plugin, last_version, key_count, byte_count) \
             SELECT r.app, r.plugin, r.writes, 0, 0 \
             FROM json_to_recordset($1::json) AS r (app TEXT, plugin TEXT, writes BIGINT) \
             JOIN apps a ON a.name = r.app ORDER BY r.app, r.plugin FOR KEY SHARE OF a SKIP LOCKED \
             ON CONFLICT (app, plugin) DO UPDATE SET \
             last_version = plugin_kv_totals.last_version + excluded.last_version \
             RETURNING app, plugin, last_version, key_count, byte_count"
        }
    }
}

fn find(db: &Db) -> &'static str {
    json_rows!(db,
        "SELECT r.owner, k.key, k.version, k.size, k.expires_at FROM plugin_kv k JOIN",
        "$1" (owner BIGINT, app TEXT, plugin TEXT, key TEXT),
        "ON k.app = r.app AND k.plugin = r.plugin AND k.key = r.key")
}

/// The values come behind each other in one parameter: as texts in the rows they would be twice as long. Of an empty one
/// SQLite makes NULL.
fn put(db: &Db) -> &'static str {
    json_rows!(db,
        "INSERT INTO plugin_kv (app, plugin, key, value, version, size, expires_at) \
         SELECT r.app, r.plugin, r.key, COALESCE(substr($2, r.value_at, r.value_bytes), $2), r.version, r.size, \
         r.expires_at FROM",
        "$1" (app TEXT, plugin TEXT, key TEXT, value_at INTEGER, value_bytes INTEGER, version BIGINT, size BIGINT,
            expires_at BIGINT),
        "WHERE true ON CONFLICT (app, plugin, key) DO UPDATE SET value = excluded.value, version = excluded.version, \
         size = excluded.size, expires_at = excluded.expires_at")
}

fn delete(db: &Db) -> &'static str {
    json_rows!(db,
        "DELETE FROM plugin_kv WHERE (app, plugin, key) IN (SELECT r.app, r.plugin, r.key FROM",
        "$1" (app TEXT, plugin TEXT, key TEXT), ")")
}

fn set_totals(db: &Db) -> &'static str {
    json_rows!(db,
        "UPDATE plugin_kv_totals SET key_count = r.key_count, byte_count = r.byte_count FROM",
        "$1" (app TEXT, plugin TEXT, key_count BIGINT, byte_count BIGINT),
        "WHERE plugin_kv_totals.app = r.app AND plugin_kv_totals.plugin = r.plugin")
}
