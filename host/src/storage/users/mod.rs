//! Table `users`: who wrote to an app or follows it. What messages tell is in `sightings`, what WeChat's API answers
//! in `profiles`.

mod profiles;
mod sightings;

use sqlx::FromRow;

use super::{Store, StoreError, containing, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{User, UserChange, UserFilter};

/// The users of the apps.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a>(pub(super) &'a Store);

impl Users<'_> {
    /// The user of that openid in an app.
    pub async fn find(&self, app: &str, openid: &str) -> Result<Option<User>, StoreError> {
        const SQL: &str = "SELECT app, openid, unionid, subscribed, subscribed_at, unsubscribed_at, \
             first_subscribed_at, subscribe_scene, qr_scene, nickname, avatar_url, language, remark, tag_ids, alias, \
             comment, profile_fetched_at, created_at, updated_at FROM users WHERE app = $1 AND openid = $2";
        if !may_be_stored(&[app, openid]) {
            return Ok(None);
        }
        let row: Option<UserRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).bind(openid).fetch_optional(pool).await)?;
        row.map(UserRow::open).transpose()
    }

    /// At most `limit` users that pass the filter, newest first, from behind `after` on: the time of creation and the
    /// openid of the last one that was read.
    pub async fn list(
        &self,
        app: &str,
        filter: &UserFilter,
        after: Option<(u64, &str)>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        const SQL: &str = "SELECT app, openid, unionid, subscribed, subscribed_at, unsubscribed_at, \
             first_subscribed_at, subscribe_scene, qr_scene, nickname, avatar_url, language, remark, tag_ids, alias, \
             comment, profile_fetched_at, created_at, updated_at FROM users \
             WHERE app = $1 AND (created_at, openid) < ($2, $3) \
             AND ($4 IS NULL OR subscribed = $4) \
             AND ($5 IS NULL OR substr(openid, 1, length($5)) = $5) \
             AND ($6 IS NULL OR unionid = $6) \
             AND ($7 IS NULL OR lower(nickname) LIKE $7 ESCAPE '\\') \
             AND ($8 IS NULL OR lower(remark) LIKE $8 ESCAPE '\\') \
             AND ($9 IS NULL OR substr(openid, 1, length($9)) = $9 OR unionid = $9 \
             OR lower(nickname) LIKE $10 ESCAPE '\\' OR lower(remark) LIKE $10 ESCAPE '\\' \
             OR lower(alias) LIKE $10 ESCAPE '\\' OR lower(comment) LIKE $10 ESCAPE '\\') \
             ORDER BY created_at DESC, openid DESC LIMIT $11";
        let UserFilter { openid, unionid, nickname, remark, subscribed, search } = filter;
        let texts = [openid, unionid, nickname, remark, search].map(|text| text.as_deref().unwrap_or_default());
        let (created_at, last) = after.map_or((i64::MAX, ""), |(created_at, openid)| (to_sql(created_at), openid));
        if !may_be_stored(&[app, last]) || !may_be_stored(&texts) {
            return Ok(Vec::new());
        }
        let [nickname, remark, part] = [nickname, remark, search].map(|text| text.as_deref().map(containing));
        let rows: Vec<UserRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(created_at)
            .bind(last)
            .bind(subscribed)
            .bind(openid)
            .bind(unionid)
            .bind(nickname)
            .bind(remark)
            .bind(search)
            .bind(part)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(UserRow::open).collect()
    }

    /// Changes what only Weft knows of a user, and gives the user back; none when there is no such user.
    pub async fn change(&self, app: &str, openid: &str, change: &UserChange) -> Result<Option<User>, StoreError> {
        const SQL: &str = "UPDATE users SET alias = COALESCE($3, alias), comment = COALESCE($4, comment), \
             updated_at = $5 WHERE app = $1 AND openid = $2";
        if !may_be_stored(&[app, openid]) {
            return Ok(None);
        }
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(openid)
                .bind(&change.alias)
                .bind(&change.comment)
                .bind(to_sql(self.0.clock.now()))
                .execute(&mut *connection)
                .await?;
        });
        self.find(app, openid).await
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

/// A user as the table holds it: tags as JSON.
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
    tag_ids: String,
    alias: String,
    comment: String,
    profile_fetched_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl UserRow {
    fn open(self) -> Result<User, StoreError> {
        let tag_ids = serde_json::from_str(&self.tag_ids)
            .map_err(|_| StoreError::Corrupt { what: format!("users.tag_ids/{}/{}", self.app, self.openid) })?;
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
            alias: self.alias,
            comment: self.comment,
            profile_fetched_at: self.profile_fetched_at.map(from_sql),
            created_at: from_sql(self.created_at),
            updated_at: from_sql(self.updated_at),
        })
    }
}
