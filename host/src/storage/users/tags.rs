//! Table `user_tags`: who has which tag.

use super::Users;
use crate::storage::{
    StoreError, in_transaction,
    json_rows::{json_rows, of_openids},
    to_sql,
};

/// How many links are written at a time: other writers come through in between.
const BATCH: usize = 1000;

impl Users<'_> {
    /// Notes that users have a tag. Those who are not known are made, and WeChat is to be asked about them.
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn tag(&self, app: &str, tag_id: u32, openids: &[String]) -> Result<(), StoreError> {
        let sql = json_rows!(&self.0.db,
            "INSERT INTO user_tags (app, tag_id, openid, sync_run) \
             SELECT $1, $3, r.openid, COALESCE((SELECT run FROM user_syncs WHERE app = $1), 0) FROM ",
            "$2" (openid TEXT),
            "WHERE true ORDER BY r.openid ON CONFLICT (app, tag_id, openid) DO UPDATE SET sync_run = excluded.sync_run");
        for batch in openids.chunks(BATCH) {
            let rows = of_openids(app, batch);
            self.add_all(app, &rows, true).await?;
            in_transaction!(&self.0.db, connection => {
                sqlx::query(sql).bind(app).bind(&rows).bind(i64::from(tag_id)).execute(&mut *connection).await?;
            });
        }
        Ok(())
    }

    /// Notes that users have a tag no more.
    pub async fn untag(&self, app: &str, tag_id: u32, openids: &[String]) -> Result<(), StoreError> {
        let sql = json_rows!(&self.0.db,
            "DELETE FROM user_tags WHERE app = $1 AND tag_id = $3 AND openid IN (SELECT r.openid FROM ",
            "$2" (openid TEXT), ")");
        in_transaction!(&self.0.db, connection => {
            let untag = sqlx::query(sql).bind(app).bind(of_openids(app, openids)).bind(i64::from(tag_id));
            untag.execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// Nobody has the tag any more; or, with `before_run`, nobody whom a sync since that one has not seen with it.
    pub async fn untag_all(&self, app: &str, tag_id: u32, before_run: Option<u64>) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM user_tags WHERE (app, tag_id, openid) IN (SELECT app, tag_id, openid \
             FROM user_tags WHERE app = $1 AND tag_id = $2 AND sync_run < $3 LIMIT $4)";
        let before = before_run.map_or(i64::MAX, to_sql);
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        loop {
            let dropped = in_transaction!(&self.0.db, connection => {
                let drop = sqlx::query(SQL).bind(app).bind(i64::from(tag_id)).bind(before).bind(limit);
                drop.execute(&mut *connection).await?.rows_affected()
            });
            if dropped == 0 {
                return Ok(());
            }
        }
    }
}
