//! What a process does to a job that it works on. Everything it writes counts only as long as the job is its own: a
//! job that was taken over, cancelled or deleted takes no more of it.

use serde_json::Value;
use sqlx::FromRow;

use super::{JobRow, Jobs, columns};
use crate::model::Job;
use crate::storage::error::is_duplicate;
use crate::storage::{Db, StoreError, in_transaction, on_db, to_sql};

/// How many jobs of one app run at once, at most.
const PER_APP: i64 = 2;

/// The right to work on a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, FromRow)]
pub struct JobLease {
    /// [`Job::id`].
    pub id: String,
    /// Which of the job's runs it is; later ones are greater.
    pub run: i64,
}

/// A job that this process is to work on.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    /// What it is to write with.
    pub lease: JobLease,
    /// The job.
    pub job: Job,
}

/// What a run of a job came to.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEnd {
    /// It is over, with a result.
    Done(Value),
    /// It is over; in words for the operator.
    Failed(String),
    /// It is to be tried again.
    Later {
        /// In words for the operator.
        why: String,
        /// Not before; seconds since 1970.
        due_at: u64,
    },
    /// It was stopped: whoever comes next goes on at once.
    Stopped,
}

#[derive(FromRow)]
struct Claimed {
    #[sqlx(flatten)]
    job: JobRow,
    run: i64,
}

#[derive(FromRow)]
struct Renewed {
    #[sqlx(flatten)]
    lease: JobLease,
    cancelled: bool,
}

impl Jobs<'_> {
    /// Takes the next job of one of `kinds` that is due, or whose process has gone, for `seconds`; none when there is
    /// nothing to do. The apps that have the fewest running come first.
    pub async fn claim(&self, kinds: &[&str], seconds: u64) -> Result<Option<ClaimedJob>, StoreError> {
        // One process owns an SQLite file: what another one began there has ended with it.
        const SQL: &str = concat!(
            "UPDATE jobs SET state = 'running', run = run + 1, \
             attempts = attempts + CASE WHEN state = 'running' THEN 1 ELSE 0 END, \
             lease_holder = $1, lease_until = $2, started_at = COALESCE(started_at, $3) \
             WHERE id = (SELECT id FROM jobs AS next WHERE $4 LIKE '%,' || kind || ',%' AND (\
             (state = 'running' AND (lease_until <= $3 OR ($5 AND lease_holder <> $1))) \
             OR (state = 'queued' AND due_at <= $3 \
             AND NOT EXISTS (SELECT 1 FROM jobs WHERE app = next.app AND kind = next.kind AND state = 'running') \
             AND (SELECT COUNT(*) FROM jobs WHERE app = next.app AND state = 'running') < $6)) \
             ORDER BY (SELECT COUNT(*) FROM jobs WHERE app = next.app AND state = 'running'), due_at, id LIMIT 1) \
             AND (state = 'queued' OR lease_until <= $3 OR ($5 AND lease_holder <> $1)) RETURNING run, ",
            columns!()
        );
        let now = self.0.clock.now();
        let is_owned = matches!(self.0.db, Db::Sqlite { .. });
        let claimed: Option<Claimed> = in_transaction!(&self.0.db, connection => {
            let claimed = sqlx::query_as(SQL)
                .bind(&*self.0.process)
                .bind(to_sql(now.saturating_add(seconds)))
                .bind(to_sql(now))
                .bind(format!(",{},", kinds.join(",")))
                .bind(is_owned)
                .bind(PER_APP)
                .fetch_optional(&mut *connection)
                .await;
            match claimed {
                // Another process has begun another job of the kind in the app at this moment.
                Err(error) if is_duplicate(&error) => return Ok(None),
                claimed => claimed?,
            }
        });
        claimed
            .map(|Claimed { job, run }| {
                Ok(ClaimedJob { lease: JobLease { id: job.id.clone(), run }, job: job.open()? })
            })
            .transpose()
    }

    /// Whether there is something to [`claim`](Self::claim), maybe: a look that keeps no writer waiting.
    pub async fn is_any_due(&self) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT 1 FROM jobs WHERE (state = 'queued' AND due_at <= $1) \
             OR (state = 'running' AND (lease_until <= $1 OR ($2 AND lease_holder <> $3))) LIMIT 1";
        let is_owned = matches!(self.0.db, Db::Sqlite { .. });
        let found: Option<i32> = on_db!(&self.0.db, pool => sqlx::query_scalar(SQL)
            .bind(to_sql(self.0.clock.now()))
            .bind(is_owned)
            .bind(&*self.0.process)
            .fetch_optional(pool)
            .await)?;
        Ok(found.is_some())
    }

    /// Keeps all jobs that this process has for `seconds` from now on. Says which these are, and whether somebody wants
    /// each to end.
    pub async fn renew(&self, seconds: u64) -> Result<Vec<(JobLease, bool)>, StoreError> {
        const SQL: &str = "UPDATE jobs SET lease_until = $2 WHERE lease_holder = $1 AND state = 'running' \
             RETURNING id, run, cancelled";
        let until = to_sql(self.0.clock.now().saturating_add(seconds));
        let renewed: Vec<Renewed> = in_transaction!(&self.0.db, connection => {
            sqlx::query_as(SQL).bind(&*self.0.process).bind(until).fetch_all(&mut *connection).await?
        });
        Ok(renewed.into_iter().map(|Renewed { lease, cancelled }| (lease, cancelled)).collect())
    }

    /// Writes how far a job is. None when it is another's by now, else whether somebody wants it to end.
    pub async fn save(
        &self,
        lease: &JobLease,
        checkpoint: &Value,
        done: u64,
        total: Option<u64>,
    ) -> Result<Option<bool>, StoreError> {
        const SQL: &str = "UPDATE jobs SET checkpoint = $3, done = $4, total = $5, error = NULL, \
             attempts = CASE WHEN done < $4 OR checkpoint IS DISTINCT FROM $3 THEN 0 ELSE attempts END \
             WHERE id = $1 AND run = $2 AND state = 'running' RETURNING cancelled";
        Ok(in_transaction!(&self.0.db, connection => {
            sqlx::query_scalar(SQL)
                .bind(&lease.id)
                .bind(lease.run)
                .bind(checkpoint.to_string())
                .bind(to_sql(done))
                .bind(total.map(to_sql))
                .fetch_optional(&mut *connection)
                .await?
        }))
    }

    /// Writes what a run came to. A job that somebody wants to end is not tried again. False when it is another's by
    /// now.
    pub async fn end(&self, lease: &JobLease, end: &JobEnd) -> Result<bool, StoreError> {
        const OVER: &str = "UPDATE jobs SET state = $3, result = $4, error = $5, finished_at = $6, checkpoint = NULL, \
             lease_holder = NULL, lease_until = NULL WHERE id = $1 AND run = $2 AND state = 'running'";
        const AGAIN: &str = "UPDATE jobs SET state = CASE WHEN cancelled THEN 'cancelled' ELSE 'queued' END, \
             finished_at = CASE WHEN cancelled THEN $6 END, error = COALESCE($3, error), \
             attempts = attempts + $4, due_at = $5, lease_holder = NULL, lease_until = NULL \
             WHERE id = $1 AND run = $2 AND state = 'running'";
        let now = to_sql(self.0.clock.now());
        let (why, tries, due_at) = match end {
            JobEnd::Later { why, due_at } => (Some(why), 1, to_sql(*due_at)),
            JobEnd::Done(_) | JobEnd::Failed(_) | JobEnd::Stopped => (None, 0_i64, now),
        };
        let over = match end {
            JobEnd::Done(result) => Some(("done", Some(result.to_string()), None)),
            JobEnd::Failed(error) => Some(("failed", None, Some(error))),
            JobEnd::Later { .. } | JobEnd::Stopped => None,
        };
        let ended = in_transaction!(&self.0.db, connection => {
            let query = match over {
                Some((state, result, error)) => {
                    sqlx::query(OVER).bind(&lease.id).bind(lease.run).bind(state).bind(result).bind(error).bind(now)
                }
                None => {
                    sqlx::query(AGAIN).bind(&lease.id).bind(lease.run).bind(why).bind(tries).bind(due_at).bind(now)
                }
            };
            query.execute(&mut *connection).await?.rows_affected()
        });
        Ok(ended > 0)
    }

    /// Leaves all jobs that this process has to whoever comes next; says how many.
    pub async fn leave_all(&self) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE jobs SET state = CASE WHEN cancelled THEN 'cancelled' ELSE 'queued' END, \
             finished_at = CASE WHEN cancelled THEN $2 END, due_at = $2, lease_holder = NULL, lease_until = NULL \
             WHERE lease_holder = $1 AND state = 'running'";
        let now = to_sql(self.0.clock.now());
        Ok(in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(&*self.0.process).bind(now).execute(&mut *connection).await?.rows_affected()
        }))
    }
}
