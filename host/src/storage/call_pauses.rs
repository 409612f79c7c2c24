//! Table `call_pauses`: what is not called for a while, so that a restart does not forget it.

use super::{Store, StoreError, from_sql, in_transaction, on_db, to_sql};
use crate::model::CallPause;

/// The pauses of all apps.
#[derive(Debug, Clone, Copy)]
pub struct CallPauses<'a>(pub(super) &'a Store);

impl CallPauses<'_> {
    /// Begins a pause, in the place of one that there is. Nothing happens for an app that is gone.
    pub async fn put(&self, pause: &CallPause) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO call_pauses (app, path, errcode, until) \
             SELECT name, $2, $3, $4 FROM apps WHERE name = $1 ON CONFLICT (app, path) DO UPDATE SET \
             errcode = excluded.errcode, until = excluded.until";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(&pause.app)
                .bind(&pause.path)
                .bind(pause.errcode)
                .bind(to_sql(pause.until))
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// Those that have not ended.
    pub async fn in_force(&self) -> Result<Vec<CallPause>, StoreError> {
        const SQL: &str = "SELECT app, path, errcode, until FROM call_pauses WHERE until > $1 ORDER BY app, path";
        let now = to_sql(self.0.clock.now());
        let rows: Vec<(String, String, i64, i64)> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(now).fetch_all(pool).await)?;
        let open = |(app, path, errcode, until)| CallPause { app, path, errcode, until: from_sql(until) };
        Ok(rows.into_iter().map(open).collect())
    }

    /// Ends those of an app.
    pub async fn end(&self, app: &str) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM call_pauses WHERE app = $1";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// Forgets those that have ended.
    pub async fn forget(&self) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM call_pauses WHERE until <= $1";
        let now = to_sql(self.0.clock.now());
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(now).execute(&mut *connection).await?;
        });
        Ok(())
    }
}
