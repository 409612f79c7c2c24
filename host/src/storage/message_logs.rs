//! Tables `message_logs` and `message_log_owners`: what users and apps sent each other.
//!
//! An entry belongs to one life of an app, a row of `message_log_owners`. Deleting the app takes its name out of that
//! row, and no query finds the entries any more; [`MessageLogs::purge`] deletes them in its own time.

use sqlx::FromRow;
use uuid::Uuid;

use super::{Store, StoreError, containing, from_sql, in_transaction, may_be_stored, on_db};
use crate::model::{Direction, LoggedHandler, LoggedMessage, MessageLogEntry, Outcome, Via};

/// The message log.
#[derive(Debug, Clone, Copy)]
pub struct MessageLogs<'a>(pub(super) &'a Store);

/// Which entries are looked for: those that are all of this. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct MessageLogQuery {
    /// The user.
    pub openid: Option<String>,
    /// Who sent it.
    pub direction: Option<Direction>,
    /// The type of the message.
    pub msg_type: Option<String>,
    /// The name of an event, in upper or lower case.
    pub event: Option<String>,
    /// Stands somewhere in the content; ASCII letters in upper or lower case.
    pub text: Option<String>,
    /// Id or name of the handler that answered.
    pub handler: Option<String>,
    /// From this time on, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Before this time, in milliseconds since 1970.
    pub until: Option<u64>,
}

/// Ids are hexadecimal, so all of them sort before it.
const BEHIND_ALL: &str = "g";

/// The entries of an app between two ids, newest first. Each of the two walks along an index that has them in this
/// order, so that a page costs the same however long the log is, where what is looked for is not rare in it.
macro_rules! search {
    ($openid:literal) => {
        concat!(
            "SELECT id, at, direction, openid, msg_type, event, event_key, msg_id, content, handler_id, handler_name, \
             via, outcome, reason, delivery_id FROM message_logs \
             WHERE owner = (SELECT id FROM message_log_owners WHERE app = $1) AND id >= $2 AND id < $3 AND ",
            $openid,
            " AND ($5 IS NULL OR direction = $5) AND ($6 IS NULL OR msg_type = $6) \
             AND ($7 IS NULL OR lower(event) = $7) AND ($8 IS NULL OR lower(content) LIKE $8 ESCAPE '\\') \
             AND ($9 IS NULL OR handler_id = $9 OR handler_name = $9) ORDER BY id DESC LIMIT $10"
        )
    };
}

impl MessageLogs<'_> {
    /// Up to `limit` entries of `app`, newest first, from behind the entry `after` on; without their raw texts.
    pub async fn search(
        &self,
        app: &str,
        query: &MessageLogQuery,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<LoggedMessage>, StoreError> {
        const OF_ALL: &str = search!("$4 IS NULL");
        const OF_ONE_USER: &str = search!("openid = $4");
        let MessageLogQuery { openid, direction, msg_type, event, text, handler, since, until } = query;
        let texts = [openid, msg_type, event, text, handler].into_iter().flatten().map(String::as_str);
        if !may_be_stored(&texts.chain([app]).collect::<Vec<_>>()) {
            return Ok(Vec::new());
        }
        let sql = if openid.is_some() { OF_ONE_USER } else { OF_ALL };
        let until = until.map_or_else(|| BEHIND_ALL.to_owned(), first_id);
        let before = after.map_or(until.clone(), |after| until.min(after.to_string()));
        let rows: Vec<StoredRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(sql)
                // Planned each time: PostgreSQL's generic plan would not walk along the index.
                .persistent(false)
                .bind(app)
                .bind(since.map_or_else(String::new, first_id))
                .bind(before)
                .bind(openid)
                .bind(direction.map(Direction::as_str))
                .bind(msg_type)
                .bind(event.as_ref().map(|event| event.to_ascii_lowercase()))
                .bind(text.as_deref().map(containing))
                .bind(handler)
                .bind(i64::from(limit))
                .fetch_all(pool)
                .await
        })?;
        rows.into_iter().map(|row| row.open(app)).collect()
    }

    /// The entry of that id, with its raw text if that was kept.
    pub async fn find(&self, app: &str, id: Uuid) -> Result<Option<LoggedMessage>, StoreError> {
        const SQL: &str = "SELECT id, at, direction, openid, msg_type, event, event_key, msg_id, content, handler_id, \
             handler_name, via, outcome, reason, delivery_id, raw FROM message_logs \
             WHERE owner = (SELECT id FROM message_log_owners WHERE app = $1) AND id = $2";
        if !may_be_stored(&[app]) {
            return Ok(None);
        }
        let row: Option<StoredRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(id.to_string()).fetch_optional(pool).await
        })?;
        row.map(|row| row.open(app)).transpose()
    }

    /// Deletes up to `limit` entries that belong to no app any more or are from before `time`, in milliseconds since
    /// 1970; returns how many, 0 when none was left. A small `limit` keeps nobody waiting for long who writes too.
    pub async fn purge(&self, time: Option<u64>, limit: u32) -> Result<u64, StoreError> {
        const ABANDONED: &str = "SELECT id FROM message_log_owners WHERE app IS NULL ORDER BY id LIMIT 1";
        // The oldest entry is one step in the index, however many there are.
        const OLD: &str = "SELECT id FROM message_log_owners WHERE \
             (SELECT m.id FROM message_logs m WHERE m.owner = message_log_owners.id ORDER BY m.id LIMIT 1) < $1 LIMIT 1";
        while let Some(owner) = self.owner(ABANDONED, None).await? {
            let deleted = self.delete_before(owner, BEHIND_ALL, limit).await?;
            if deleted > 0 {
                return Ok(deleted);
            }
            if !self.delete_owner(owner).await? {
                break;
            }
        }
        let Some(end) = time.map(first_id) else { return Ok(0) };
        match self.owner(OLD, Some(&end)).await? {
            Some(owner) => self.delete_before(owner, &end, limit).await,
            None => Ok(0),
        }
    }

    async fn owner(&self, sql: &'static str, end: Option<&str>) -> Result<Option<i64>, StoreError> {
        let owner = on_db!(&self.0.db, pool => match end {
            Some(end) => sqlx::query_scalar(sql).bind(end).fetch_optional(pool).await,
            None => sqlx::query_scalar(sql).fetch_optional(pool).await,
        })?;
        Ok(owner)
    }

    /// Deletes the `limit` first entries before `end`. Ranges are locked in one order: two processes that delete at
    /// once wait for each other, and not in a circle.
    async fn delete_before(&self, owner: i64, end: &str, limit: u32) -> Result<u64, StoreError> {
        const NEXT: &str = "SELECT id FROM message_logs WHERE owner = $1 AND id < $2 ORDER BY id LIMIT 1 OFFSET $3";
        const SQL: &str = "DELETE FROM message_logs WHERE owner = $1 AND id < $2";
        let next: Option<String> = on_db!(&self.0.db, pool => {
            sqlx::query_scalar(NEXT).bind(owner).bind(end).bind(i64::from(limit)).fetch_optional(pool).await
        })?;
        let end = next.as_deref().unwrap_or(end);
        let deleted = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).persistent(false).bind(owner).bind(end).execute(&mut *connection).await?.rows_affected()
        });
        Ok(deleted)
    }

    async fn delete_owner(&self, owner: i64) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM message_log_owners WHERE id = $1 AND app IS NULL \
             AND NOT EXISTS (SELECT 1 FROM message_logs WHERE owner = $1)";
        let deleted = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(owner).execute(&mut *connection).await?.rows_affected()
        });
        Ok(deleted > 0)
    }
}

/// The least id of that time or later: ids begin with the milliseconds.
fn first_id(time: u64) -> String {
    // 48 bits, as in the id itself.
    let time = time.min((1 << 48) - 1);
    format!("{:08x}-{:04x}", time >> 16, time & 0xffff)
}

/// An entry as the table holds it.
#[derive(FromRow)]
struct StoredRow {
    id: String,
    at: i64,
    direction: String,
    openid: String,
    msg_type: String,
    event: Option<String>,
    event_key: Option<String>,
    msg_id: Option<String>,
    content: String,
    handler_id: Option<String>,
    handler_name: Option<String>,
    via: Option<String>,
    outcome: Option<String>,
    reason: Option<String>,
    delivery_id: Option<String>,
    #[sqlx(default)]
    raw: Option<String>,
}

impl StoredRow {
    fn open(self, app: &str) -> Result<LoggedMessage, StoreError> {
        let corrupt = |column: &str| StoreError::Corrupt { what: format!("message_logs.{column}/{}", self.id) };
        let via = self.via.map(|word| Via::of(&word).ok_or_else(|| corrupt("via")));
        let outcome = self.outcome.map(|text| match text.as_str() {
            "sent" => Ok(Outcome::Sent),
            "failed" => Ok(Outcome::Failed(self.reason.unwrap_or_default())),
            "late" => Ok(Outcome::Late),
            _ => Err(corrupt("outcome")),
        });
        let msg_id = self.msg_id.map(|text| text.parse().map_err(|_| corrupt("msg_id")));
        Ok(LoggedMessage {
            id: self.id.parse().map_err(|_| corrupt("id"))?,
            entry: MessageLogEntry {
                app: app.to_owned(),
                at: from_sql(self.at),
                direction: Direction::of(&self.direction).ok_or_else(|| corrupt("direction"))?,
                openid: self.openid,
                msg_type: self.msg_type,
                event: self.event,
                event_key: self.event_key,
                msg_id: msg_id.transpose()?,
                content: self.content,
                handler: self.handler_name.map(|name| LoggedHandler { id: self.handler_id, name }),
                via: via.transpose()?,
                outcome: outcome.transpose()?,
                delivery_id: self.delivery_id,
                raw: self.raw,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_looked_for_as_it_is() {
        for (text, pattern) in [("", "%%"), ("50%", "%50\\%%"), ("a_B\\", "%a\\_b\\\\%"), ("Ä好", "%Ä好%")] {
            assert_eq!(containing(text), pattern);
        }
    }

    #[test]
    fn ids_of_a_millisecond_lie_between_its_first_and_the_next() {
        let time = 1_700_000_000_123;
        for last in [[0; 10], [0xff; 10]] {
            let id = uuid::Builder::from_unix_timestamp_millis(time, &last).into_uuid().to_string();
            assert!(first_id(time) < id && id < first_id(time + 1), "{id}");
            assert!(id.as_str() < BEHIND_ALL);
        }
    }
}
