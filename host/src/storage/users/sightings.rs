//! What messages tell of their senders. `at` is the message's own time, so that what comes late or twice is known.

use super::Users;
use crate::{
    model::UserNote,
    storage::{StoreError, error::missing_app, in_transaction, on_db, to_sql},
};

/// Makes a user of whom nothing is known.
const ADD: &str = "INSERT INTO users (app, openid, subscribed, profile_due_at, created_at, updated_at) \
     VALUES ($1, $2, FALSE, $3, $4, $4) ON CONFLICT (app, openid) DO NOTHING";

impl Users<'_> {
    /// A user wrote. One who was never seen is stored; with `wants_profile`, WeChat is to be asked about them.
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn seen(&self, app: &str, openid: &str, wants_profile: bool) -> Result<UserNote, StoreError> {
        const KNOWN: &str = "SELECT 1 FROM users WHERE app = $1 AND openid = $2";
        // Nearly all are known, and reading waits for no writer.
        let known: Option<i32> =
            on_db!(&self.0.db, pool => sqlx::query_scalar(KNOWN).bind(app).bind(openid).fetch_optional(pool).await)?;
        if known.is_some() {
            return Ok(UserNote::default());
        }
        let now = to_sql(self.0.clock.now());
        let added = in_transaction!(&self.0.db, connection => {
            sqlx::query(ADD)
                .bind(app)
                .bind(openid)
                .bind(wants_profile.then_some(now))
                .bind(now)
                .execute(&mut *connection)
                .await
                .map_err(|error| missing_app(error, app))?
                .rows_affected()
        });
        Ok(UserNote { new: added > 0, first_subscribe: false })
    }

    /// A user began to follow the account, perhaps by the QR code of a scene. What is older than what is known changes
    /// nothing but the first time, and the same event again gets the same answer.
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn subscribed(
        &self,
        app: &str,
        openid: &str,
        at: u64,
        qr_scene: Option<&str>,
        wants_profile: bool,
    ) -> Result<UserNote, StoreError> {
        const SUBSCRIBE: &str = "UPDATE users SET subscribed = TRUE, subscribed_at = $3, subscribe_scene = $4, \
             qr_scene = $5, profile_due_at = $6, profile_attempts = 0, updated_at = $7 \
             WHERE app = $1 AND openid = $2 AND (subscribed_at IS NULL OR subscribed_at < $3) \
             AND (unsubscribed_at IS NULL OR unsubscribed_at <= $3)";
        const FIRST: &str = "UPDATE users SET first_subscribed_at = COALESCE(first_subscribed_at, $3) \
             WHERE app = $1 AND openid = $2 RETURNING first_subscribed_at";
        let (at, now) = (to_sql(at), to_sql(self.0.clock.now()));
        let due = wants_profile.then_some(now);
        let (added, first) = in_transaction!(&self.0.db, connection => {
            let added = sqlx::query(ADD)
                .bind(app)
                .bind(openid)
                .bind(due)
                .bind(now)
                .execute(&mut *connection)
                .await
                .map_err(|error| missing_app(error, app))?
                .rows_affected();
            sqlx::query(SUBSCRIBE)
                .bind(app)
                .bind(openid)
                .bind(at)
                .bind(qr_scene.map(|_| "ADD_SCENE_QR_CODE"))
                .bind(qr_scene)
                .bind(due)
                .bind(now)
                .execute(&mut *connection)
                .await?;
            let first: i64 =
                sqlx::query_scalar(FIRST).bind(app).bind(openid).bind(at).fetch_one(&mut *connection).await?;
            (added, first)
        });
        Ok(UserNote { new: added > 0, first_subscribe: first == at })
    }

    /// A user left the account. What is older than what is known changes nothing.
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn unsubscribed(&self, app: &str, openid: &str, at: u64) -> Result<UserNote, StoreError> {
        const UNSUBSCRIBE: &str = "UPDATE users SET subscribed = FALSE, unsubscribed_at = $3, profile_due_at = NULL, \
             updated_at = $4 WHERE app = $1 AND openid = $2 AND (unsubscribed_at IS NULL OR unsubscribed_at < $3) \
             AND (subscribed_at IS NULL OR subscribed_at <= $3)";
        let now = to_sql(self.0.clock.now());
        let added = in_transaction!(&self.0.db, connection => {
            let added = sqlx::query(ADD)
                .bind(app)
                .bind(openid)
                .bind(None::<i64>)
                .bind(now)
                .execute(&mut *connection)
                .await
                .map_err(|error| missing_app(error, app))?
                .rows_affected();
            sqlx::query(UNSUBSCRIBE)
                .bind(app)
                .bind(openid)
                .bind(to_sql(at))
                .bind(now)
                .execute(&mut *connection)
                .await?;
            added
        });
        Ok(UserNote { new: added > 0, first_subscribe: false })
    }

    /// The user has changed something: WeChat is to be asked about them. Users who are not stored change nothing.
    pub async fn modified(&self, app: &str, openid: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE users SET profile_due_at = $3, profile_attempts = 0 WHERE app = $1 AND openid = $2";
        let now = to_sql(self.0.clock.now());
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(openid).bind(now).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// The user wants nothing to be kept of them: what is left is the openid, and that and how they follow.
    pub async fn forget(&self, app: &str, openid: &str) -> Result<(), StoreError> {
        const FORGET: &str = "UPDATE users SET unionid = NULL, nickname = NULL, avatar_url = NULL, language = NULL, \
             remark = '', alias = '', comment = '', profile_fetched_at = NULL, profile_due_at = NULL, updated_at = $3 \
             WHERE app = $1 AND openid = $2";
        const UNTAG: &str = "DELETE FROM user_tags WHERE app = $1 AND openid = $2";
        let now = to_sql(self.0.clock.now());
        in_transaction!(&self.0.db, connection => {
            sqlx::query(FORGET).bind(app).bind(openid).bind(now).execute(&mut *connection).await?;
            sqlx::query(UNTAG).bind(app).bind(openid).execute(&mut *connection).await?;
        });
        Ok(())
    }
}
