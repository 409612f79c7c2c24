//! How entries of the message log are written: many at a time, with one statement.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::batch::BatchRow;
use super::{Db, Store, StoreError, in_transaction, to_sql};
use crate::model::{Direction, LoggedMessage, Outcome, Via};

/// An entry on its way to the database.
#[derive(Debug)]
pub struct MessageLogRow {
    /// The entry.
    pub message: LoggedMessage,
    /// What its raw text takes of the memory that all waiting ones may take; free again when it is written.
    pub room: Option<OwnedSemaphorePermit>,
}

/// An entry whose app does not exist any more is left out.
impl BatchRow for MessageLogRow {
    const WHAT: &'static str = "entries of the message log";
    const GATHER: Duration = Duration::from_millis(20);
    type Written = ();

    async fn write(store: &Store, rows: &[Self]) -> Result<Vec<()>, StoreError> {
        const SQLITE: &str = "INSERT INTO message_logs (owner, id, at, direction, openid, msg_type, event, event_key, \
             msg_id, content, handler_id, handler_name, via, outcome, reason, delivery_id, raw) \
             SELECT o.id, r.value->>'id', r.value->>'at', r.value->>'direction', r.value->>'openid', \
             r.value->>'msg_type', r.value->>'event', r.value->>'event_key', r.value->>'msg_id', r.value->>'content', \
             r.value->>'handler_id', r.value->>'handler_name', r.value->>'via', r.value->>'outcome', \
             r.value->>'reason', r.value->>'delivery_id', r.value->>'raw' \
             FROM json_each($1) r JOIN message_log_owners o ON o.app = r.value->>'app' WHERE true \
             ON CONFLICT (owner, id) DO NOTHING";
        const POSTGRES: &str = "INSERT INTO message_logs (owner, id, at, direction, openid, msg_type, event, \
             event_key, msg_id, content, handler_id, handler_name, via, outcome, reason, delivery_id, raw) \
             SELECT o.id, r.id, r.at, r.direction, r.openid, r.msg_type, r.event, r.event_key, r.msg_id, r.content, \
             r.handler_id, r.handler_name, r.via, r.outcome, r.reason, r.delivery_id, r.raw \
             FROM json_to_recordset($1::json) AS r (app TEXT, id TEXT, at BIGINT, direction TEXT, openid TEXT, \
             msg_type TEXT, event TEXT, event_key TEXT, msg_id TEXT, content TEXT, handler_id TEXT, \
             handler_name TEXT, via TEXT, outcome TEXT, reason TEXT, delivery_id TEXT, raw TEXT) \
             JOIN message_log_owners o ON o.app = r.app ON CONFLICT (owner, id) DO NOTHING";
        const ADD_OWNER: &str = "INSERT INTO message_log_owners (id, app) SELECT $1, name FROM apps WHERE name = $2 \
             ON CONFLICT (app) DO NOTHING";
        let sql = match &store.db {
            Db::Sqlite { .. } => SQLITE,
            Db::Postgres(_) => POSTGRES,
        };
        let json = serde_json::to_string(&rows.iter().map(|row| WrittenRow::from(&row.message)).collect::<Vec<_>>())
            .unwrap_or_default();
        in_transaction!(&store.db, connection => {
            let written = sqlx::query(sql).bind(&json).execute(&mut *connection).await?.rows_affected();
            if written < rows.len() as u64 {
                // An app's first entries. In the order of names, in which nobody waits for who waits for them.
                let mut apps: Vec<_> = rows.iter().map(|row| row.message.entry.app.as_str()).collect();
                apps.sort_unstable();
                apps.dedup();
                for app in apps {
                    sqlx::query(ADD_OWNER).bind(new_owner()).bind(app).execute(&mut *connection).await?;
                }
                sqlx::query(sql).bind(&json).execute(&mut *connection).await?;
            }
        });
        Ok(vec![(); rows.len()])
    }
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
