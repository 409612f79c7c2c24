//! Who is on the blacklist.

use super::Users;
use crate::storage::{
    StoreError, in_transaction,
    json_rows::{json_rows, of_openids},
    to_sql,
};

/// How many users are written at a time: other writers come through in between.
const BATCH: usize = 1000;

impl Users<'_> {
    /// Notes that users are on the blacklist. Those who are not known are made.
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn blacklist(&self, app: &str, openids: &[String]) -> Result<(), StoreError> {
        let sql = json_rows!(&self.0.db,
            "UPDATE users SET blacklist_run = COALESCE((SELECT run FROM user_syncs WHERE app = r.app), 0), \
             updated_at = $2 FROM ", "$1" (app TEXT, openid TEXT), "WHERE users.app = r.app AND users.openid = r.openid");
        for batch in openids.chunks(BATCH) {
            let rows = of_openids(app, batch);
            self.add_all(app, &rows, false).await?;
            self.set(sql, &rows).await?;
        }
        Ok(())
    }

    /// Notes that users are on the blacklist no more.
    pub async fn unblacklist(&self, app: &str, openids: &[String]) -> Result<(), StoreError> {
        let sql = json_rows!(&self.0.db,
            "UPDATE users SET blacklist_run = NULL, updated_at = $2 FROM ", "$1" (app TEXT, openid TEXT),
            "WHERE users.app = r.app AND users.openid = r.openid");
        self.set(sql, &of_openids(app, openids)).await
    }

    async fn set(&self, sql: &'static str, rows: &str) -> Result<(), StoreError> {
        let now = to_sql(self.0.clock.now());
        in_transaction!(&self.0.db, connection => {
            sqlx::query(sql).bind(rows).bind(now).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// Nobody is on the blacklist any more whom a sync since that one has not seen there.
    pub async fn unblacklist_before(&self, app: &str, run: u64) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE users SET blacklist_run = NULL, updated_at = $3 WHERE (app, openid) IN \
             (SELECT app, openid FROM users WHERE app = $1 AND blacklist_run < $2 LIMIT $4)";
        let now = to_sql(self.0.clock.now());
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        loop {
            let changed = in_transaction!(&self.0.db, connection => {
                let change = sqlx::query(SQL).bind(app).bind(to_sql(run)).bind(now).bind(limit);
                change.execute(&mut *connection).await?.rows_affected()
            });
            if changed == 0 {
                return Ok(());
            }
        }
    }
}
