//! Tables `users` and `user_tags`: who wrote to an app or follows it. What messages tell is in `sightings`, what
//! WeChat's API answers of single users in `profiles`, and what its lists tell in `syncs`.

mod blacklist;
mod list;
mod profiles;
mod sightings;
mod syncs;
mod tags;

use sqlx::FromRow;

use super::{
    Store, StoreError, error::missing_app, from_sql, in_transaction, json_rows::json_rows, may_be_stored, on_db, to_sql,
};
use crate::model::{User, UserChange};

pub use sightings::{Sighted, Sighting};

/// Selects users with all that is known of them.
macro_rules! select_users {
    ($($rest:literal),+) => {
        concat!(
            "SELECT app, openid, unionid, subscribed, subscribed_at, unsubscribed_at, first_subscribed_at, \
             subscribe_scene, qr_scene, nickname, avatar_url, language, remark, \
             (SELECT string_agg(CAST(tag_id AS TEXT), ',' ORDER BY tag_id) FROM user_tags \
             WHERE user_tags.app = users.app AND user_tags.openid = users.openid) AS tag_ids, \
             blacklist_run IS NOT NULL AS blacklisted, alias, comment, profile_fetched_at, created_at, updated_at \
             FROM users WHERE ", $($rest),+
        )
    };
}

use select_users;

/// The users of the apps.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a>(pub(super) &'a Store);

impl Users<'_> {
    /// The user of that openid in an app.
    pub async fn find(&self, app: &str, openid: &str) -> Result<Option<User>, StoreError> {
        const SQL: &str = select_users!("app = $1 AND openid = $2");
        if !may_be_stored(&[app, openid]) {
            return Ok(None);
        }
        let row: Option<UserRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).bind(openid).fetch_optional(pool).await)?;
        row.map(UserRow::open).transpose()
    }

    /// Changes what is noted of a user, and gives the user back; none when there is no such user.
    pub async fn change(&self, app: &str, openid: &str, change: &UserChange) -> Result<Option<User>, StoreError> {
        const SQL: &str = "UPDATE users SET remark = COALESCE($3, remark), alias = COALESCE($4, alias), \
             comment = COALESCE($5, comment), updated_at = $6 WHERE app = $1 AND openid = $2";
        if !may_be_stored(&[app, openid]) {
            return Ok(None);
        }
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(openid)
                .bind(&change.remark)
                .bind(&change.alias)
                .bind(&change.comment)
                .bind(to_sql(self.0.clock.now()))
                .execute(&mut *connection)
                .await?;
        });
        self.find(app, openid).await
    }

    /// Adds those who are no users yet, with nothing known of them; with `wants_profile`, WeChat is to be asked about
    /// them. `rows` are [`of_openids`](super::json_rows::of_openids). [`StoreError::NotFound`] when there is no such app.
    async fn add_all(&self, app: &str, rows: &str, wants_profile: bool) -> Result<(), StoreError> {
        let sql = json_rows!(&self.0.db,
            "INSERT INTO users (app, openid, subscribed, profile_due_at, created_at, updated_at) \
             SELECT $1, r.openid, FALSE, $3, $4, $4 FROM ", "$2" (openid TEXT),
            "WHERE true ORDER BY r.openid ON CONFLICT (app, openid) DO NOTHING");
        let now = to_sql(self.0.clock.now());
        in_transaction!(&self.0.db, connection => {
            sqlx::query(sql)
                .bind(app)
                .bind(rows)
                .bind(wants_profile.then_some(now))
                .bind(now)
                .execute(&mut *connection)
                .await
                .map_err(|error| missing_app(error, app))?;
        });
        Ok(())
    }

    /// Deletes the users of an app, so many at a time that other writers come through in between.
    pub(super) async fn delete_all(&self, app: &str) -> Result<(), StoreError> {
        const SQL: &str =
            "DELETE FROM users WHERE (app, openid) IN (SELECT app, openid FROM users WHERE app = $1 LIMIT 1000)";
        loop {
            let deleted = in_transaction!(&self.0.db, connection => {
                sqlx::query(SQL).bind(app).execute(&mut *connection).await?.rows_affected()
            });
            if deleted == 0 {
                return Ok(());
            }
        }
    }
}

/// A user as the tables hold it.
#[derive(FromRow)]
struct UserRow {
    app: String,
    openid: String,
    unionid: Option<String>,
    subscribed: bool,
    subscribed_at: Option<i64>,
    unsubscribed_at: Option<i64>,
    first_subscribed_at: Option<i64>,
    subscribe_scene: Option<String>,
    qr_scene: Option<String>,
    nickname: Option<String>,
    avatar_url: Option<String>,
    language: Option<String>,
    remark: String,
    /// With commas between them.
    tag_ids: Option<String>,
    blacklisted: bool,
    alias: String,
    comment: String,
    profile_fetched_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl UserRow {
    fn open(self) -> Result<User, StoreError> {
        let ids = self.tag_ids.as_deref().unwrap_or_default().split_terminator(',').map(str::parse);
        let tag_ids = ids
            .collect::<Result<_, _>>()
            .map_err(|_| StoreError::Corrupt { what: format!("user_tags.tag_id/{}/{}", self.app, self.openid) })?;
        Ok(User {
            app: self.app,
            openid: self.openid,
            unionid: self.unionid,
            subscribed: self.subscribed,
            subscribed_at: self.subscribed_at.map(from_sql),
            unsubscribed_at: self.unsubscribed_at.map(from_sql),
            first_subscribed_at: self.first_subscribed_at.map(from_sql),
            subscribe_scene: self.subscribe_scene,
            qr_scene: self.qr_scene,
            nickname: self.nickname,
            avatar_url: self.avatar_url,
            language: self.language,
            remark: self.remark,
            tag_ids,
            blacklisted: self.blacklisted,
            alias: self.alias,
            comment: self.comment,
            profile_fetched_at: self.profile_fetched_at.map(from_sql),
            created_at: from_sql(self.created_at),
            updated_at: from_sql(self.updated_at),
        })
    }
}
