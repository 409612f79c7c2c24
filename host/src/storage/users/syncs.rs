//! What WeChat's lists of followers tell. A sync has a number, which stands at everybody whom it has seen: at its end it
//! is known who is gone, without a list of those who are there.

use super::{Users, profiles::RECENT};
use crate::storage::{
    StoreError,
    error::missing_app,
    from_sql, in_transaction,
    json_rows::{json_rows, of_openids},
    on_db, to_sql,
};

/// How many users are written at a time: other writers come through in between.
const BATCH: usize = 1000;

impl Users<'_> {
    /// Begins a sync with a list of WeChat's: gives its number, which is greater than those before.
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn begin_sync(&self, app: &str) -> Result<u64, StoreError> {
        const SQL: &str = "INSERT INTO user_syncs (app, run, last_openid) VALUES ($1, 1, '') \
             ON CONFLICT (app) DO UPDATE SET run = user_syncs.run + 1 RETURNING run";
        let run: i64 = in_transaction!(&self.0.db, connection => {
            let begun = sqlx::query_scalar(SQL).bind(app).fetch_one(&mut *connection).await;
            begun.map_err(|error| missing_app(error, app))?
        });
        Ok(from_sql(run))
    }

    /// Whom the next incremental sync begins behind; empty before there was one.
    pub async fn last_synced(&self, app: &str) -> Result<String, StoreError> {
        const SQL: &str = "SELECT last_openid FROM user_syncs WHERE app = $1";
        let last: Option<String> =
            on_db!(&self.0.db, pool => sqlx::query_scalar(SQL).bind(app).fetch_optional(pool).await)?;
        Ok(last.unwrap_or_default())
    }

    /// Notes whom the next incremental sync begins behind.
    pub async fn set_last_synced(&self, app: &str, openid: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE user_syncs SET last_openid = $2 WHERE app = $1";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(openid).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// The users follow the account: WeChat has listed them, which it was asked for at `asked_at`, in seconds since
    /// 1970. Whoever has left since then has left. [`StoreError::NotFound`] when there is no such app.
    pub async fn follow(&self, app: &str, run: u64, asked_at: u64, openids: &[String]) -> Result<(), StoreError> {
        let sql = json_rows!(&self.0.db,
            "INSERT INTO users (app, openid, subscribed, sync_run, created_at, updated_at) \
             SELECT $1, r.openid, TRUE, $3, $5, $5 FROM ", "$2" (openid TEXT),
            "WHERE true ORDER BY r.openid ON CONFLICT (app, openid) DO UPDATE SET sync_run = excluded.sync_run, \
             subscribed = users.subscribed OR users.unsubscribed_at IS NULL OR users.unsubscribed_at < $4, \
             updated_at = CASE WHEN users.subscribed THEN users.updated_at ELSE excluded.updated_at END");
        let recent = to_sql(asked_at.saturating_sub(RECENT));
        let now = to_sql(self.0.clock.now());
        for batch in openids.chunks(BATCH) {
            in_transaction!(&self.0.db, connection => {
                sqlx::query(sql)
                    .bind(app)
                    .bind(of_openids(app, batch))
                    .bind(to_sql(run))
                    .bind(recent)
                    .bind(now)
                    .execute(&mut *connection)
                    .await
                    .map_err(|error| missing_app(error, app))?;
            });
        }
        Ok(())
    }

    /// Whoever was not seen by the sync follows the account no more, unless they began to while it ran. `began_at` is
    /// in seconds since 1970. Says how many have gone.
    pub async fn unfollow_unseen(&self, app: &str, run: u64, began_at: u64) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE users SET subscribed = FALSE, profile_due_at = NULL, updated_at = $4 \
             WHERE (app, openid) IN (SELECT app, openid FROM users WHERE app = $1 AND subscribed AND sync_run < $2 \
             AND (subscribed_at IS NULL OR subscribed_at < $3) LIMIT $5)";
        let recent = to_sql(began_at.saturating_sub(RECENT));
        let now = to_sql(self.0.clock.now());
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let mut gone = 0;
        loop {
            let changed = in_transaction!(&self.0.db, connection => {
                let change = sqlx::query(SQL).bind(app).bind(to_sql(run)).bind(recent).bind(now).bind(limit);
                change.execute(&mut *connection).await?.rows_affected()
            });
            if changed == 0 {
                return Ok(gone);
            }
            gone += changed;
        }
    }
}
