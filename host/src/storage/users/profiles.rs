//! What WeChat's API answers about users, and whom it is to be asked about.
//!
//! The table is the queue: `profile_due_at` says when. Taking somebody moves it into the future, further each time,
//! so that a process that ends half-way, or an answer that does not come, costs nothing but time.

use super::Users;
use crate::{
    model::Profile,
    storage::{StoreError, in_transaction, on_db, to_sql},
};

/// How long, in seconds before a question, a subscription counts more than the answer that there is none: clocks differ,
/// and the event may have come while the question was under way.
const RECENT: u64 = 300;

impl Users<'_> {
    /// The apps with users whom WeChat should be asked about now.
    pub async fn apps_with_profiles_due(&self) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "SELECT name FROM apps WHERE EXISTS (SELECT 1 FROM users WHERE users.app = apps.name \
             AND users.profile_due_at <= $1) ORDER BY name";
        let now = to_sql(self.0.clock.now());
        Ok(on_db!(&self.0.db, pool => sqlx::query_scalar(SQL).bind(now).fetch_all(pool).await)?)
    }

    /// Takes at most `limit` users of an app whom WeChat should be asked about now, longest due first. Until the answer
    /// is stored they are due again later: after a minute, and after growing pauses up to a day.
    pub async fn take_profiles_due(&self, app: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "UPDATE users SET profile_attempts = profile_attempts + 1, profile_due_at = $2 + \
             CASE profile_attempts WHEN 0 THEN 60 WHEN 1 THEN 600 WHEN 2 THEN 3600 WHEN 3 THEN 21600 ELSE 86400 END \
             WHERE (app, openid) IN (SELECT app, openid FROM users WHERE app = $1 AND profile_due_at <= $2 \
             ORDER BY profile_due_at LIMIT $3) AND profile_due_at <= $2 RETURNING openid";
        // Both look the chosen ones up by their primary key, whoever else is due; and see whether another process has
        // taken them meanwhile.
        let (now, limit) = (to_sql(self.0.clock.now()), i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(in_transaction!(&self.0.db, connection => {
            sqlx::query_scalar(SQL).bind(app).bind(now).bind(limit).fetch_all(&mut *connection).await?
        }))
    }

    /// WeChat knows no such user: it is not asked again, unless they subscribe.
    pub async fn has_no_profile(&self, app: &str, openid: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE users SET profile_due_at = NULL WHERE app = $1 AND openid = $2";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(openid).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// Stores what WeChat answered to a question that was asked at `asked_at`, in seconds since 1970. Events that are
    /// newer than the answer stand. Profiles of users who are not stored change nothing.
    pub async fn apply_profiles(&self, app: &str, asked_at: u64, profiles: &[Profile]) -> Result<(), StoreError> {
        const KNOW: &str = "UPDATE users SET unionid = COALESCE($3, unionid), nickname = COALESCE($4, nickname), \
             avatar_url = COALESCE($5, avatar_url), language = COALESCE($6, language), \
             remark = COALESCE($7, remark), tag_ids = COALESCE($8, tag_ids), \
             subscribe_scene = COALESCE($9, subscribe_scene), qr_scene = COALESCE($10, qr_scene), \
             profile_fetched_at = $11, profile_due_at = NULL, profile_attempts = 0, updated_at = $11 \
             WHERE app = $1 AND openid = $2";
        const FOLLOWS: &str = "UPDATE users SET subscribed = TRUE, subscribed_at = $3, \
             first_subscribed_at = COALESCE(first_subscribed_at, $3) WHERE app = $1 AND openid = $2 \
             AND (subscribed_at IS NULL OR subscribed_at <= $3) \
             AND (unsubscribed_at IS NULL OR unsubscribed_at < $3)";
        const FOLLOWS_NOT: &str = "UPDATE users SET subscribed = FALSE WHERE app = $1 AND openid = $2 \
             AND (subscribed_at IS NULL OR subscribed_at < $3)";
        let now = to_sql(self.0.clock.now());
        let recent = to_sql(asked_at.saturating_sub(RECENT));
        in_transaction!(&self.0.db, connection => {
            for profile in profiles {
                let tag_ids = profile.tag_ids.as_ref().map(|ids| serde_json::Value::from(ids.clone()).to_string());
                sqlx::query(KNOW)
                    .bind(app)
                    .bind(&profile.openid)
                    .bind(told(profile.unionid.as_deref()))
                    .bind(told(profile.nickname.as_deref()))
                    .bind(told(profile.avatar_url.as_deref()))
                    .bind(told(profile.language.as_deref()))
                    .bind(profile.remark.as_deref().map(storable))
                    .bind(tag_ids)
                    .bind(told(profile.subscribe_scene.as_deref()))
                    .bind(told(profile.qr_scene.as_deref()))
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
                let (subscription, time) = if profile.subscribed {
                    (FOLLOWS, profile.subscribed_at.map(to_sql))
                } else {
                    (FOLLOWS_NOT, Some(recent))
                };
                sqlx::query(subscription)
                    .bind(app)
                    .bind(&profile.openid)
                    .bind(time)
                    .execute(&mut *connection)
                    .await?;
            }
        });
        Ok(())
    }
}

/// What WeChat tells; since 2021 it leaves names and pictures empty.
fn told(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(storable)
}

/// PostgreSQL knows no text with U+0000.
fn storable(text: &str) -> String {
    text.replace('\0', "")
}
