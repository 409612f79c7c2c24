//! Table `handlers`.

use serde::de::DeserializeOwned;
use sqlx::FromRow;
use uuid::Uuid;

use super::handler_syncs::{PUT_SYNCED, SyncedHandler};
use super::menus::{PUT_DRAFT, to_json};
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, settings_revision, to_sql};
use crate::model::{Handler, Menu, check_together};

/// The handlers of the apps. What the fields hold was checked before ([`Handler::check`]).
#[derive(Debug, Clone, Copy)]
pub struct Handlers<'a>(pub(super) &'a Store);

/// A place in the order in which handlers are tried: behind the handler that has these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerPlace {
    /// [`Handler::weight`].
    pub weight: i32,
    /// [`Handler::created_at`].
    pub created_at: u64,
    /// [`Handler::id`].
    pub id: String,
}

/// What is to be done to the handlers of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandlerChanges {
    /// Handlers to store: a known id takes the place of the one before, any other is a new handler; an empty one gets
    /// its id here. The last of several new ones with an empty id is the newest.
    pub put: Vec<Handler>,
    /// Ids of handlers to delete.
    pub deleted: Vec<String>,
    /// What is to be remembered of handlers that stand for an auto-reply of WeChat's settings.
    pub synced: Vec<SyncedHandler>,
    /// What the draft of the app's menus is to be, when it changes too.
    pub menu: Option<Menu>,
}

/// Which handlers a change has to see.
enum Seen<'a> {
    Nothing,
    One(&'a str),
    All,
}

const FIND: &str = "SELECT app, id, name, source, strategy, enabled, starts, ends, weight, log_message, \
     stop_on_exception, rules, replies, created_at, updated_at FROM handlers WHERE app = $1 AND id = $2";
const LIST: &str = "SELECT app, id, name, source, strategy, enabled, starts, ends, weight, log_message, \
     stop_on_exception, rules, replies, created_at, updated_at FROM handlers WHERE app = $1 \
     ORDER BY weight DESC, created_at DESC, id DESC";

const PUT: &str = "INSERT INTO handlers (app, id, name, source, strategy, enabled, starts, ends, weight, \
     log_message, stop_on_exception, rules, replies, size, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
     ON CONFLICT (app, id) DO UPDATE SET name = excluded.name, source = excluded.source, \
     strategy = excluded.strategy, enabled = excluded.enabled, starts = excluded.starts, \
     ends = excluded.ends, weight = excluded.weight, log_message = excluded.log_message, \
     stop_on_exception = excluded.stop_on_exception, rules = excluded.rules, replies = excluded.replies, \
     size = excluded.size, updated_at = excluded.updated_at";

impl Handlers<'_> {
    /// All handlers of an app, in the order in which they are tried; none for an app that does not exist.
    pub async fn list(&self, app: &str) -> Result<Vec<Handler>, StoreError> {
        if !may_be_stored(&[app]) {
            return Ok(Vec::new());
        }
        let rows: Vec<HandlerRow> = on_db!(&self.0.db, pool => sqlx::query_as(LIST).bind(app).fetch_all(pool).await)?;
        rows.into_iter().map(HandlerRow::open).collect()
    }

    /// At most `limit` handlers of an app, in the order in which they are tried, from the beginning or from behind a
    /// place on.
    pub async fn page(
        &self,
        app: &str,
        behind: Option<&HandlerPlace>,
        limit: usize,
    ) -> Result<Vec<Handler>, StoreError> {
        const SQL: &str = "SELECT app, id, name, source, strategy, enabled, starts, ends, weight, log_message, \
             stop_on_exception, rules, replies, created_at, updated_at FROM handlers WHERE app = $1 \
             AND (weight < $2 OR (weight = $2 AND (created_at < $3 OR (created_at = $3 AND id < $4)))) \
             ORDER BY weight DESC, created_at DESC, id DESC LIMIT $5";
        let (weight, created_at, id) = match behind {
            Some(place) => (i64::from(place.weight), to_sql(place.created_at), place.id.as_str()),
            None => (i64::MAX, 0, ""),
        };
        if !may_be_stored(&[app, id]) {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<HandlerRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(weight).bind(created_at).bind(id).bind(limit).fetch_all(pool).await
        })?;
        rows.into_iter().map(HandlerRow::open).collect()
    }

    /// One handler of an app.
    pub async fn find(&self, app: &str, id: &str) -> Result<Option<Handler>, StoreError> {
        if !may_be_stored(&[app, id]) {
            return Ok(None);
        }
        let row: Option<HandlerRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(FIND).bind(app).bind(id).fetch_optional(pool).await)?;
        row.map(HandlerRow::open).transpose()
    }

    /// For each app the [revision](super::Apps::revision) at which its handlers changed last; 0 when it never had any.
    /// No two states of an app's handlers have the same, not even when an app was deleted and made again.
    pub async fn revisions(&self) -> Result<Vec<(String, u64)>, StoreError> {
        const SQL: &str = "SELECT name, handlers_revision FROM apps";
        let rows: Vec<(String, i64)> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(|(app, revision)| (app, from_sql(revision))).collect())
    }

    /// Stores a new handler and gives it back with its id and times; [`StoreError::NotFound`] when there is no such
    /// app, [`StoreError::LimitReached`] when it has too many.
    pub async fn insert(&self, handler: &Handler) -> Result<Handler, StoreError> {
        let new = Handler { id: String::new(), created_at: 0, ..handler.clone() };
        let insert = |_| Ok::<_, StoreError>(HandlerChanges { put: vec![new], ..HandlerChanges::default() });
        let mut stored = self.write(&handler.app, Seen::Nothing, insert).await??;
        stored.pop().ok_or_else(|| StoreError::Corrupt { what: "a handler that was just stored".to_owned() })
    }

    /// Changes a handler: reads it, lets `change` set what it wants and check it, and stores the outcome, all in one
    /// transaction. None when there is no such handler. Id and time of creation stay, and an error of `change` changes
    /// nothing.
    pub async fn change<E: From<StoreError>>(
        &self,
        app: &str,
        id: &str,
        change: impl FnOnce(&mut Handler) -> Result<(), E>,
    ) -> Result<Option<Handler>, E> {
        let put = |before: Vec<Handler>| {
            let Some(before) = before.into_iter().next() else { return Ok(HandlerChanges::default()) };
            let mut after = before.clone();
            change(&mut after)?;
            (after.id, after.created_at) = (before.id, before.created_at);
            Ok::<_, E>(HandlerChanges { put: vec![after], ..HandlerChanges::default() })
        };
        Ok(self.write(app, Seen::One(id), put).await??.pop())
    }

    /// Deletes a handler; false when there is none.
    pub async fn delete(&self, app: &str, id: &str) -> Result<bool, StoreError> {
        let mut found = false;
        let delete = |before: Vec<Handler>| {
            found = !before.is_empty();
            let deleted = before.into_iter().map(|handler| handler.id).collect();
            Ok::<_, StoreError>(HandlerChanges { deleted, ..HandlerChanges::default() })
        };
        self.write(app, Seen::One(id), delete).await??;
        Ok(found)
    }

    /// Changes all handlers of an app together: `change` gets them in the order in which they are tried and says what is
    /// to be done, in one transaction. Gives back what was put, with ids and times. An error of `change` changes
    /// nothing; [`StoreError::NotFound`] when something changes and there is no such app.
    pub async fn change_all<E: From<StoreError>>(
        &self,
        app: &str,
        change: impl FnOnce(Vec<Handler>) -> Result<HandlerChanges, E>,
    ) -> Result<Vec<Handler>, E> {
        self.write(app, Seen::All, change).await?
    }

    async fn write<E>(
        &self,
        app: &str,
        seen: Seen<'_>,
        change: impl FnOnce(Vec<Handler>) -> Result<HandlerChanges, E>,
    ) -> Result<Result<Vec<Handler>, E>, StoreError> {
        const DELETE: &str = "DELETE FROM handlers WHERE app = $1 AND id = $2";
        const TOUCH: &str =
            "UPDATE apps SET handlers_revision = (SELECT revision FROM settings_revision) WHERE name = $1";
        const TOTAL: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM handlers WHERE app = $1";
        let no_app = || StoreError::NotFound { kind: "app", name: app.to_owned() };
        let id = if let Seen::One(id) = seen { id } else { "" };
        if !may_be_stored(&[app, id]) {
            return Ok(change(Vec::new()).map(|_| Vec::new()));
        }
        let put = in_transaction!(&self.0.db, connection => {
            // Before reading: the next change waits here until this one is over.
            sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
            let rows: Vec<HandlerRow> = match seen {
                Seen::Nothing => Vec::new(),
                Seen::One(id) => sqlx::query_as(FIND).bind(app).bind(id).fetch_all(&mut *connection).await?,
                Seen::All => sqlx::query_as(LIST).bind(app).fetch_all(&mut *connection).await?,
            };
            let before = rows.into_iter().map(HandlerRow::open).collect::<Result<_, _>>()?;
            let HandlerChanges { put, deleted, synced, menu } = match change(before) {
                Ok(changes) => changes,
                Err(error) => return Ok(Err(error)),
            };
            if put.is_empty() && deleted.is_empty() && synced.is_empty() && menu.is_none() {
                return Ok(Ok(put));
            }
            if sqlx::query(TOUCH).bind(app).execute(&mut *connection).await?.rows_affected() == 0 {
                return Err(no_app());
            }
            for id in deleted {
                sqlx::query(DELETE).bind(app).bind(id).execute(&mut *connection).await?;
            }
            let put: Vec<Handler> = put.into_iter().map(|handler| self.stamped(app, handler)).collect();
            for handler in &put {
                let json = |json: serde_json::Result<String>| json.unwrap_or_default();
                sqlx::query(PUT)
                    .bind(app)
                    .bind(&handler.id)
                    .bind(&handler.name)
                    .bind(handler.source.as_str())
                    .bind(handler.strategy.as_str())
                    .bind(handler.enabled)
                    .bind(handler.starts.map(to_sql))
                    .bind(handler.ends.map(to_sql))
                    .bind(i64::from(handler.weight))
                    .bind(handler.log_message)
                    .bind(handler.stop_on_exception)
                    .bind(json(serde_json::to_string(&handler.rules)))
                    .bind(json(serde_json::to_string(&handler.replies)))
                    .bind(i64::try_from(handler.size()).unwrap_or(i64::MAX))
                    .bind(to_sql(handler.created_at))
                    .bind(to_sql(handler.updated_at))
                    .execute(&mut *connection)
                    .await?;
            }
            for SyncedHandler { origin, handler_id, digest } in synced {
                sqlx::query(PUT_SYNCED)
                    .bind(app)
                    .bind(origin)
                    .bind(handler_id)
                    .bind(digest)
                    .execute(&mut *connection)
                    .await?;
            }
            if let Some(menu) = menu {
                let put = sqlx::query(PUT_DRAFT).bind(app).bind(to_json(&menu)).bind(to_sql(self.0.clock.now()));
                put.execute(&mut *connection).await?;
            }
            let (count, size): (i64, i64) = sqlx::query_as(TOTAL).bind(app).fetch_one(&mut *connection).await?;
            if !put.is_empty() {
                let number = |sql: i64| usize::try_from(sql).unwrap_or(usize::MAX);
                check_together(number(count), number(size)).map_err(StoreError::LimitReached)?;
            }
            put
        });
        Ok(Ok(put))
    }

    fn stamped(self, app: &str, handler: Handler) -> Handler {
        let now = self.0.clock.now();
        let id = if handler.id.is_empty() { Uuid::now_v7().to_string() } else { handler.id };
        let created_at = if handler.created_at == 0 { now } else { handler.created_at };
        Handler { id, app: app.to_owned(), created_at, updated_at: now, ..handler }
    }
}

/// A handler as the table holds it: enums as texts, lists as JSON.
#[derive(FromRow)]
struct HandlerRow {
    app: String,
    id: String,
    name: String,
    source: String,
    strategy: String,
    enabled: bool,
    starts: Option<i64>,
    ends: Option<i64>,
    weight: i64,
    log_message: bool,
    stop_on_exception: bool,
    rules: String,
    replies: String,
    created_at: i64,
    updated_at: i64,
}

impl HandlerRow {
    fn open(self) -> Result<Handler, StoreError> {
        let owner = format!("{}/{}", self.app, self.id);
        let corrupt = |column: &str| StoreError::Corrupt { what: format!("handlers.{column}/{owner}") };
        Ok(Handler {
            name: self.name,
            source: self.source.parse().map_err(|_| corrupt("source"))?,
            strategy: self.strategy.parse().map_err(|_| corrupt("strategy"))?,
            enabled: self.enabled,
            starts: self.starts.map(from_sql),
            ends: self.ends.map(from_sql),
            weight: i32::try_from(self.weight).map_err(|_| corrupt("weight"))?,
            log_message: self.log_message,
            stop_on_exception: self.stop_on_exception,
            rules: parse(&self.rules).ok_or_else(|| corrupt("rules"))?,
            replies: parse(&self.replies).ok_or_else(|| corrupt("replies"))?,
            created_at: from_sql(self.created_at),
            updated_at: from_sql(self.updated_at),
            app: self.app,
            id: self.id,
        })
    }
}

fn parse<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}
