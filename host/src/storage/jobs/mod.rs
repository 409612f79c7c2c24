//! Table `jobs`: what is to be done, what was done, and who looks. `leases` has what a process
//! does while it works on one.

mod leases;

use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::error::is_missing_parent;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{Job, JobState, NewJob};

pub use leases::{ClaimedJob, JobEnd, JobLease};

/// The most unfinished jobs of one app.
const UNFINISHED: i64 = 100;

/// How large the input of a job may be as JSON, in bytes.
const INPUT_BYTES: usize = 1 << 20;

/// The columns of a [`JobRow`].
macro_rules! columns {
    () => {
        "id, app, kind, key, permission, created_by, state, input, checkpoint, done, total, result, error, cancelled, \
         attempts, due_at, created_at, started_at, finished_at"
    };
}

use columns;

/// The jobs of the apps.
#[derive(Debug, Clone, Copy)]
pub struct Jobs<'a>(pub(super) &'a Store);

/// Which jobs: those that are all of this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// Of this app.
    pub app: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// In this state.
    pub state: Option<JobState>,
    /// Those that somebody may see who has these: `<app>` or `<app>|<permission>` each. All without it.
    pub granted: Option<Vec<String>>,
    /// Older than the one with this id.
    pub behind: Option<String>,
}

impl Jobs<'_> {
    /// Stores a new job. When there is an unfinished one of its app, kind and key, that one is given back and nothing
    /// changes; the second value says so. [`StoreError::NotFound`] when there is no such app,
    /// [`StoreError::LimitReached`] when it has too many unfinished jobs or the input is too large.
    pub async fn start(&self, new: &NewJob) -> Result<(Job, bool), StoreError> {
        // `DO UPDATE` writes what is there already, so that `RETURNING` gives the row.
        const SQL: &str = concat!(
            "INSERT INTO jobs (id, app, kind, key, permission, created_by, state, input, due_at, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $8) \
             ON CONFLICT (app, kind, key) WHERE state IN ('queued', 'running') DO UPDATE SET key = excluded.key \
             RETURNING ",
            columns!()
        );
        const COUNT: &str = "SELECT COUNT(*) FROM jobs WHERE app = $1 AND state IN ('queued', 'running')";
        let no_app = || StoreError::NotFound { kind: "app", name: new.app.clone() };
        if !may_be_stored(&[&new.app, &new.key]) {
            return Err(no_app());
        }
        let input = new.input.to_string();
        if input.len() > INPUT_BYTES {
            let bytes = input.len();
            return Err(StoreError::LimitReached(format!("a job takes {INPUT_BYTES} bytes of input, not {bytes}")));
        }
        let id = Uuid::now_v7().to_string();
        let row: JobRow = in_transaction!(&self.0.db, connection => {
            let row: JobRow = sqlx::query_as(SQL)
                .bind(&id)
                .bind(&new.app)
                .bind(new.kind)
                .bind(&new.key)
                .bind(new.permission)
                .bind(&new.created_by)
                .bind(input)
                .bind(to_sql(self.0.clock.now()))
                .fetch_one(&mut *connection)
                .await
                .map_err(|error| if is_missing_parent(&error) { no_app() } else { error.into() })?;
            let unfinished: i64 = sqlx::query_scalar(COUNT).bind(&new.app).fetch_one(&mut *connection).await?;
            if row.id == id && unfinished > UNFINISHED {
                let detail = format!("an app has at most {UNFINISHED} unfinished jobs: wait, or cancel some");
                return Err(StoreError::LimitReached(detail));
            }
            row
        });
        let existed = row.id != id;
        Ok((row.open()?, existed))
    }

    /// One job.
    pub async fn find(&self, id: &str) -> Result<Option<Job>, StoreError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM jobs WHERE id = $1");
        if !may_be_stored(&[id]) {
            return Ok(None);
        }
        let row: Option<JobRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(id).fetch_optional(pool).await)?;
        row.map(JobRow::open).transpose()
    }

    /// At most `limit` jobs, the newest first.
    pub async fn list(&self, query: &JobQuery, limit: usize) -> Result<Vec<Job>, StoreError> {
        // `LIKE` would take `_` for any letter.
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM jobs WHERE ($1 IS NULL OR app = $1) AND ($2 IS NULL OR kind = $2) AND ($3 IS NULL OR state = $3) \
             AND ($4 IS NULL OR id < $4) \
             AND ($5 IS NULL OR replace($5, ',' || app || ',', '') <> $5 \
             OR replace($5, ',' || app || '|manage,', '') <> $5 \
             OR replace($5, ',' || app || '|' || permission || ',', '') <> $5) \
             ORDER BY id DESC LIMIT $6"
        );
        let JobQuery { app, kind, state, granted, behind } = query;
        let texts = [app, kind, behind].map(|text| text.as_deref().unwrap_or_default());
        if !may_be_stored(&texts) {
            return Ok(Vec::new());
        }
        // Doubled, so that each one has a separator on either side.
        let granted = granted.as_ref().map(|granted| format!(",{},", granted.join(",,")));
        let rows: Vec<JobRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(kind)
            .bind(state.map(JobState::as_str))
            .bind(behind)
            .bind(granted)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(JobRow::open).collect()
    }

    /// Cancels a job: at once when nobody works on it; else it is told to end. Gives it back as it is now; none when
    /// there is none that is unfinished.
    pub async fn cancel(&self, id: &str) -> Result<Option<Job>, StoreError> {
        const SQL: &str = concat!(
            "UPDATE jobs SET cancelled = TRUE, \
             state = CASE WHEN state = 'queued' OR lease_until <= $2 THEN 'cancelled' ELSE state END, \
             finished_at = CASE WHEN state = 'queued' OR lease_until <= $2 THEN $2 END \
             WHERE id = $1 AND state IN ('queued', 'running') RETURNING ",
            columns!()
        );
        if !may_be_stored(&[id]) {
            return Ok(None);
        }
        let now = to_sql(self.0.clock.now());
        let row: Option<JobRow> = in_transaction!(&self.0.db, connection => {
            sqlx::query_as(SQL).bind(id).bind(now).fetch_optional(&mut *connection).await?
        });
        row.map(JobRow::open).transpose()
    }

    /// Forgets at most `limit` jobs that ended before `end`, in seconds since 1970; says how many.
    pub async fn prune(&self, end: u64, limit: u32) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE finished_at < $1 LIMIT $2)";
        Ok(in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(to_sql(end)).bind(i64::from(limit)).execute(&mut *connection).await?.rows_affected()
        }))
    }
}

/// A job as the table holds it.
#[derive(FromRow)]
struct JobRow {
    id: String,
    app: String,
    kind: String,
    key: String,
    permission: String,
    created_by: String,
    state: String,
    input: String,
    checkpoint: Option<String>,
    done: i64,
    total: Option<i64>,
    result: Option<String>,
    error: Option<String>,
    cancelled: bool,
    attempts: i64,
    due_at: i64,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
}

impl JobRow {
    fn open(self) -> Result<Job, StoreError> {
        let corrupt = |column: &str| StoreError::Corrupt { what: format!("jobs.{column}/{}", self.id) };
        let json = |column: &str, text: &str| serde_json::from_str::<Value>(text).map_err(|_| corrupt(column));
        Ok(Job {
            state: self.state.parse().map_err(|_| corrupt("state"))?,
            input: json("input", &self.input)?,
            checkpoint: self.checkpoint.as_deref().map(|text| json("checkpoint", text)).transpose()?,
            result: self.result.as_deref().map(|text| json("result", text)).transpose()?,
            id: self.id,
            app: self.app,
            kind: self.kind,
            key: self.key,
            permission: self.permission,
            created_by: self.created_by,
            done: from_sql(self.done),
            total: self.total.map(from_sql),
            error: self.error,
            cancelled: self.cancelled,
            attempts: from_sql(self.attempts),
            due_at: from_sql(self.due_at),
            created_at: from_sql(self.created_at),
            started_at: self.started_at.map(from_sql),
            finished_at: self.finished_at.map(from_sql),
        })
    }
}
