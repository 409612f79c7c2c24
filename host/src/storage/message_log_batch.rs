//! How entries of the message log are written: many at a time.

use std::{collections::HashMap, time::Duration};

use serde::Serialize;
use sqlx::{PgPool, QueryBuilder, Sqlite, SqlitePool};
use uuid::Uuid;

use super::batch::BatchRow;
use super::{Db, Store, StoreError, to_sql};
use crate::model::{Direction, LoggedMessage, Outcome, Via};
use crate::shares::Place;

/// An entry on its way to the database.
#[derive(Debug)]
pub struct MessageLogRow {
    /// The entry.
    pub message: LoggedMessage,
    /// What its raw text takes of the memory that all waiting ones may take; free again when it is written.
    pub room: Option<Place>,
}

/// An entry whose app does not exist any more is left out.
impl BatchRow for MessageLogRow {
    const WHAT: &'static str = "entries of the message log";
    const GATHER: Duration = Duration::from_millis(20);
    const BYTES: usize = 4 << 20;
    type Written = ();

    fn bytes(&self) -> usize {
        let entry = &self.message.entry;
        entry.content.len() + entry.raw.as_ref().map_or(0, String::len)
    }

    fn owner(&self) -> Option<&str> {
        Some(&self.message.entry.app)
    }

    async fn write(store: &Store, rows: &[Self]) -> Result<Vec<()>, StoreError> {
        match &store.db {
            Db::Sqlite { writer, .. } => write_to_sqlite(writer, rows).await?,
            Db::Postgres(pool) => write_to_postgres(pool, rows).await?,
        }
        Ok(vec![(); rows.len()])
    }
}

/// Entries of one statement in SQLite, each with 17 values.
const AT_ONCE: usize = 64;

/// With the values bound one by one: to read them out of a JSON text takes SQLite twice as long.
async fn write_to_sqlite(writer: &SqlitePool, rows: &[MessageLogRow]) -> Result<(), StoreError> {
    const OWNERS: &str = "SELECT app, id FROM message_log_owners WHERE app IN (SELECT value FROM json_each($1))";
    let apps = apps(rows);
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let json = serde_json::to_string(&apps).unwrap_or_default();
    let mut owners: HashMap<String, i64> =
        sqlx::query_as(OWNERS).bind(&json).fetch_all(&mut *transaction).await?.into_iter().collect();
    if owners.len() < apps.len() {
        for app in apps {
            sqlx::query(ADD_OWNER).bind(new_owner()).bind(app).execute(&mut *transaction).await?;
        }
        owners = sqlx::query_as(OWNERS).bind(&json).fetch_all(&mut *transaction).await?.into_iter().collect();
    }
    let entries = rows.iter().map(|row| WrittenRow::from(&row.message));
    let entries: Vec<_> = entries.filter_map(|entry| Some((*owners.get(entry.app)?, entry))).collect();
    for entries in entries.chunks(AT_ONCE) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO message_logs (owner, id, at, direction, openid, msg_type, event, event_key, msg_id, content, \
             handler_id, handler_name, via, outcome, reason, delivery_id, raw) ",
        );
        insert.push_values(entries, |mut values, (owner, entry)| {
            values
                .push_bind(owner)
                .push_bind(entry.id.to_string())
                .push_bind(entry.at)
                .push_bind(entry.direction.as_str())
                .push_bind(entry.openid)
                .push_bind(entry.msg_type)
                .push_bind(entry.event)
                .push_bind(entry.event_key)
                .push_bind(&entry.msg_id)
                .push_bind(entry.content)
                .push_bind(entry.handler_id)
                .push_bind(entry.handler_name)
                .push_bind(entry.via.map(Via::as_str))
                .push_bind(entry.outcome)
                .push_bind(entry.reason)
                .push_bind(entry.delivery_id)
                .push_bind(entry.raw);
        });
        insert.push(" ON CONFLICT (owner, id) DO NOTHING");
        // The rest of a batch has another length each time: its statement is not worth keeping.
        insert.build().persistent(entries.len() == AT_ONCE).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn write_to_postgres(pool: &PgPool, rows: &[MessageLogRow]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO message_logs (owner, id, at, direction, openid, msg_type, event, \
         event_key, msg_id, content, handler_id, handler_name, via, outcome, reason, delivery_id, raw) \
         SELECT o.id, r.id, r.at, r.direction, r.openid, r.msg_type, r.event, r.event_key, r.msg_id, r.content, \
         r.handler_id, r.handler_name, r.via, r.outcome, r.reason, r.delivery_id, r.raw \
         FROM json_to_recordset($1::json) AS r (app TEXT, id TEXT, at BIGINT, direction TEXT, openid TEXT, \
         msg_type TEXT, event TEXT, event_key TEXT, msg_id TEXT, content TEXT, handler_id TEXT, \
         handler_name TEXT, via TEXT, outcome TEXT, reason TEXT, delivery_id TEXT, raw TEXT) \
         JOIN message_log_owners o ON o.app = r.app ON CONFLICT (owner, id) DO NOTHING";
    let entries: Vec<_> = rows.iter().map(|row| WrittenRow::from(&row.message)).collect();
    let json = serde_json::to_string(&entries).unwrap_or_default();
    let mut transaction = pool.begin().await?;
    let written = sqlx::query(SQL).bind(&json).execute(&mut *transaction).await?.rows_affected();
    if written < rows.len() as u64 {
        for app in apps(rows) {
            sqlx::query(ADD_OWNER).bind(new_owner()).bind(app).execute(&mut *transaction).await?;
        }
        sqlx::query(SQL).bind(&json).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Makes room for an app's first entries.
const ADD_OWNER: &str = "INSERT INTO message_log_owners (id, app) SELECT $1, name FROM apps WHERE name = $2 \
     ON CONFLICT (app) DO NOTHING";

/// The apps of entries, in the order of their names, so that no two transactions wait for each other.
fn apps(rows: &[MessageLogRow]) -> Vec<&str> {
    let mut apps: Vec<_> = rows.iter().map(|row| row.message.entry.app.as_str()).collect();
    apps.sort_unstable();
    apps.dedup();
    apps
}

/// Never less than zero.
fn new_owner() -> i64 {
    rand::random::<i64>() & i64::MAX
}

/// An entry as the statements that write it read it.
#[derive(Serialize)]
struct WrittenRow<'a> {
    app: &'a str,
    id: Uuid,
    at: i64,
    direction: Direction,
    openid: &'a str,
    msg_type: &'a str,
    event: Option<&'a str>,
    event_key: Option<&'a str>,
    /// A text: the number may be larger than a `BIGINT`.
    msg_id: Option<String>,
    content: &'a str,
    handler_id: Option<&'a str>,
    handler_name: Option<&'a str>,
    via: Option<Via>,
    outcome: Option<&'a str>,
    reason: Option<&'a str>,
    delivery_id: Option<&'a str>,
    raw: Option<&'a str>,
}

impl<'a> From<&'a LoggedMessage> for WrittenRow<'a> {
    fn from(LoggedMessage { id, entry }: &'a LoggedMessage) -> Self {
        let handler = entry.handler.as_ref();
        Self {
            app: &entry.app,
            id: *id,
            at: to_sql(entry.at),
            direction: entry.direction,
            openid: &entry.openid,
            msg_type: &entry.msg_type,
            event: entry.event.as_deref(),
            event_key: entry.event_key.as_deref(),
            msg_id: entry.msg_id.map(|id| id.to_string()),
            content: &entry.content,
            handler_id: handler.and_then(|handler| handler.id.as_deref()),
            handler_name: handler.map(|handler| handler.name.as_str()),
            via: entry.via,
            outcome: entry.outcome.as_ref().map(Outcome::as_str),
            reason: entry.outcome.as_ref().and_then(Outcome::reason),
            delivery_id: entry.delivery_id.as_deref(),
            raw: entry.raw.as_deref(),
        }
    }
}
