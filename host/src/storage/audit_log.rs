//! Table `audit_log`.

use sqlx::FromRow;
use uuid::Uuid;

use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{AuditEntry, AuditQuery, AuditRecord};

/// Who changed what.
#[derive(Debug, Clone, Copy)]
pub struct AuditLog<'a>(pub(super) &'a Store);

impl AuditLog<'_> {
    /// Writes an entry down.
    pub async fn insert(&self, entry: AuditEntry) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO audit_log (id, at, actor, actor_id, app, action, path, status, request_id, \
             before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let entry = entry.fitted();
        let [before, after] = [entry.before, entry.after].map(|document| document.map(|value| value.to_string()));
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(Uuid::now_v7().to_string())
                .bind(to_sql(self.0.clock.now()))
                .bind(entry.actor)
                .bind(entry.actor_id)
                .bind(entry.app)
                .bind(entry.action)
                .bind(entry.path)
                .bind(entry.status.map(i64::from))
                .bind(entry.request_id)
                .bind(before)
                .bind(after)
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// At most `limit` entries, the newest first.
    pub async fn list(&self, query: &AuditQuery, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        const SQL: &str = "SELECT id, at, actor, actor_id, app, action, path, status, request_id, before, after \
             FROM audit_log WHERE ($1 IS NULL OR app = $1) AND ($2 IS NULL OR actor = $2 OR actor_id = $2) \
             AND ($3 IS NULL OR action = $3) AND ($4 IS NULL OR at >= $4) AND ($5 IS NULL OR at < $5) \
             AND ($6 IS NULL OR id < $6) ORDER BY id DESC LIMIT $7";
        let AuditQuery { app, actor, action, since, until, behind } = query;
        let texts = [app, actor, action, behind].map(|text| text.as_deref().unwrap_or_default());
        if !may_be_stored(&texts) {
            return Ok(Vec::new());
        }
        let rows: Vec<AuditRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(actor)
            .bind(action)
            .bind(since.map(to_sql))
            .bind(until.map(to_sql))
            .bind(behind)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(AuditRow::open).collect()
    }

    /// Forgets at most `limit` entries from before `end`, in seconds since 1970; says how many.
    pub async fn prune(&self, end: u64, limit: u32) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE at < $1 LIMIT $2)";
        Ok(in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(to_sql(end)).bind(i64::from(limit)).execute(&mut *connection).await?.rows_affected()
        }))
    }
}

#[derive(FromRow)]
struct AuditRow {
    id: String,
    at: i64,
    actor: String,
    actor_id: Option<String>,
    app: Option<String>,
    action: String,
    path: String,
    status: Option<i64>,
    request_id: String,
    before: Option<String>,
    after: Option<String>,
}

impl AuditRow {
    fn open(self) -> Result<AuditRecord, StoreError> {
        let corrupt = |column: &str| StoreError::Corrupt { what: format!("audit_log.{column}/{}", self.id) };
        let json =
            |column: &str, text: Option<&str>| text.map(serde_json::from_str).transpose().map_err(|_| corrupt(column));
        let entry = AuditEntry {
            before: json("before", self.before.as_deref())?,
            after: json("after", self.after.as_deref())?,
            status: self.status.map(u16::try_from).transpose().map_err(|_| corrupt("status"))?,
            actor: self.actor,
            actor_id: self.actor_id,
            app: self.app,
            action: self.action,
            path: self.path,
            request_id: self.request_id,
        };
        Ok(AuditRecord { at: from_sql(self.at), entry, id: self.id })
    }
}
