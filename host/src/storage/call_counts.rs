//! Table `call_counts`: how often each API was called on a day. Processes add up here.

use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{CallKind, CallOutcome};

/// The counts of calls of all apps.
#[derive(Debug, Clone, Copy)]
pub struct CallCounts<'a>(pub(super) &'a Store);

impl CallCounts<'_> {
    /// Adds calls. What was called for apps that are gone is left out.
    pub async fn add(&self, counts: &[(CallKind, u64)]) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO call_counts (app, day, path, outcome, calls) \
             SELECT name, $2, $3, $4, $5 FROM apps WHERE name = $1 ON CONFLICT (app, day, path, outcome) DO UPDATE SET \
             calls = call_counts.calls + excluded.calls";
        // In one order for all processes, so that none waits for another in a circle.
        let mut counts: Vec<_> = counts.iter().filter(|(kind, _)| may_be_stored(&[&kind.app, &kind.path])).collect();
        counts.sort_unstable();
        in_transaction!(&self.0.db, connection => {
            for (kind, calls) in counts {
                sqlx::query(SQL)
                    .bind(&kind.app)
                    .bind(&kind.day)
                    .bind(&kind.path)
                    .bind(kind.outcome.to_string())
                    .bind(to_sql(*calls))
                    .execute(&mut *connection)
                    .await?;
            }
        });
        Ok(())
    }

    /// What was counted for an app on a day, by path.
    pub async fn of_day(&self, app: &str, day: &str) -> Result<Vec<(CallKind, u64)>, StoreError> {
        const SQL: &str = "SELECT path, outcome, calls FROM call_counts WHERE app = $1 AND day = $2 \
             ORDER BY path, outcome";
        if !may_be_stored(&[app]) {
            return Ok(Vec::new());
        }
        let rows: Vec<(String, String, i64)> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).bind(day).fetch_all(pool).await)?;
        let open = |(path, outcome, calls): (String, String, i64)| {
            let corrupt = |_| StoreError::Corrupt { what: format!("call_counts.outcome/{app}{path}") };
            let outcome: CallOutcome = outcome.parse().map_err(corrupt)?;
            Ok((CallKind { app: app.to_owned(), day: day.to_owned(), path, outcome }, from_sql(calls)))
        };
        rows.into_iter().map(open).collect()
    }

    /// Forgets the days before `day`.
    pub async fn forget_before(&self, day: &str) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM call_counts WHERE day < $1";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(day).execute(&mut *connection).await?;
        });
        Ok(())
    }
}
