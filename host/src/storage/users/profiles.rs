//! What WeChat's API answers about users, and whom it is to be asked about.
//!
//! The table is the queue: `profile_due_at` says when. Taking somebody moves it into the future, further each time,
//! so that a process that ends half-way, or an answer that does not come, costs nothing but time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Users;
use crate::{
    model::Profile,
    storage::{
        StoreError, in_transaction,
        json_rows::{json_rows, of_openids},
        on_db, to_sql,
    },
};

/// How long, in seconds before a question, a subscription counts more than the answer that there is none: clocks differ,
/// and the event may have come while the question was under way.
pub(super) const RECENT: u64 = 300;

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

    /// Users who were taken and about whom WeChat could not be asked: they are due in a minute, however often that
    /// happens.
    pub async fn put_profiles_off(&self, app: &str, openids: &[String]) -> Result<(), StoreError> {
        let db = &self.0.db;
        let sql = json_rows!(db,
            "UPDATE users SET profile_due_at = $2 + 60, \
             profile_attempts = CASE profile_attempts WHEN 0 THEN 0 ELSE profile_attempts - 1 END FROM ",
            "$1" (app TEXT, openid TEXT),
            "WHERE users.app = r.app AND users.openid = r.openid AND profile_due_at IS NOT NULL");
        in_transaction!(db, connection => {
            sqlx::query(sql)
                .bind(of_openids(app, openids))
                .bind(to_sql(self.0.clock.now()))
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
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
        let db = &self.0.db;
        let know = json_rows!(db,
            "UPDATE users SET unionid = COALESCE(r.unionid, users.unionid), \
             nickname = COALESCE(r.nickname, users.nickname), avatar_url = COALESCE(r.avatar_url, users.avatar_url), \
             language = COALESCE(r.language, users.language), remark = COALESCE(r.remark, users.remark), \
             subscribe_scene = COALESCE(r.subscribe_scene, users.subscribe_scene), \
             qr_scene = COALESCE(r.qr_scene, users.qr_scene), profile_fetched_at = $2, profile_due_at = NULL, \
             profile_attempts = 0, updated_at = $2 FROM ",
            "$1" (app TEXT, openid TEXT, unionid TEXT, nickname TEXT, avatar_url TEXT, language TEXT, remark TEXT,
                subscribe_scene TEXT, qr_scene TEXT),
            "WHERE users.app = r.app AND users.openid = r.openid");
        let follows = json_rows!(db,
            "UPDATE users SET subscribed = TRUE, subscribed_at = r.subscribed_at, \
             first_subscribed_at = COALESCE(users.first_subscribed_at, r.subscribed_at) FROM ",
            "$1" (app TEXT, openid TEXT, subscribed BOOLEAN, subscribed_at BIGINT),
            "WHERE users.app = r.app AND users.openid = r.openid AND r.subscribed \
             AND (users.subscribed_at IS NULL OR users.subscribed_at <= r.subscribed_at) \
             AND (users.unsubscribed_at IS NULL OR users.unsubscribed_at < r.subscribed_at)");
        let follows_not = json_rows!(db,
            "UPDATE users SET subscribed = FALSE FROM ", "$1" (app TEXT, openid TEXT, subscribed BOOLEAN),
            "WHERE users.app = r.app AND users.openid = r.openid AND NOT r.subscribed \
             AND (users.subscribed_at IS NULL OR users.subscribed_at < $2)");
        let untag = json_rows!(db,
            "DELETE FROM user_tags WHERE (app, openid) IN (SELECT r.app, r.openid FROM ",
            "$1" (app TEXT, openid TEXT, tagged BOOLEAN), "WHERE r.tagged)");
        let tag = json_rows!(db,
            "INSERT INTO user_tags (app, tag_id, openid, sync_run) SELECT users.app, r.tag_id, users.openid, \
             COALESCE((SELECT run FROM user_syncs WHERE app = r.app), 0) FROM users JOIN ",
            "$1" (app TEXT, openid TEXT, tag_id BIGINT), "ON users.app = r.app AND users.openid = r.openid WHERE true");
        let now = to_sql(self.0.clock.now());
        let recent = to_sql(asked_at.saturating_sub(RECENT));
        let rows = profiles.iter().map(|profile| row(app, profile)).collect::<Value>().to_string();
        let tags: BTreeSet<_> = profiles.iter().flat_map(tags).collect();
        let tags = tags.into_iter().map(|(openid, id)| json!({"app": app, "openid": openid, "tag_id": id}));
        let tags = tags.collect::<Value>().to_string();
        in_transaction!(db, connection => {
            sqlx::query(know).bind(&rows).bind(now).execute(&mut *connection).await?;
            sqlx::query(follows).bind(&rows).execute(&mut *connection).await?;
            sqlx::query(follows_not).bind(&rows).bind(recent).execute(&mut *connection).await?;
            sqlx::query(untag).bind(&rows).execute(&mut *connection).await?;
            sqlx::query(tag).bind(&tags).execute(&mut *connection).await?;
        });
        Ok(())
    }
}

fn row(app: &str, profile: &Profile) -> Value {
    json!({
        "app": app,
        "openid": storable(&profile.openid),
        "unionid": told(profile.unionid.as_deref()),
        "subscribed": profile.subscribed,
        "subscribed_at": profile.subscribed_at.map(to_sql),
        "subscribe_scene": told(profile.subscribe_scene.as_deref()),
        "qr_scene": told(profile.qr_scene.as_deref()),
        "nickname": told(profile.nickname.as_deref()),
        "avatar_url": told(profile.avatar_url.as_deref()),
        "language": told(profile.language.as_deref()),
        "remark": profile.remark.as_deref().map(storable),
        "tagged": profile.tag_ids.is_some(),
    })
}

/// Who has which.
fn tags(profile: &Profile) -> impl Iterator<Item = (&str, u32)> {
    profile.tag_ids.iter().flatten().map(|id| (profile.openid.as_str(), *id))
}

/// What WeChat tells; since 2021 it leaves names and pictures empty.
fn told(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(storable)
}

/// PostgreSQL knows no text with U+0000.
fn storable(text: &str) -> String {
    text.replace('\0', "")
}
