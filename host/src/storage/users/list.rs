//! Finding users. Each statement walks along the index that suits what is asked for.

use super::{UserRow, Users, select_users};
use crate::{
    model::{User, UserFilter},
    storage::{StoreError, containing, may_be_stored, on_db, to_sql},
};

/// Users who pass the filter and `$narrow`. With `$at` as an expression of `created_at` the order is made by sorting,
/// and what narrows it finds the rows.
macro_rules! list {
    ($narrow:literal, $at:literal) => {
        select_users!(
            "app = $1 AND ",
            $narrow,
            " AND (",
            $at,
            ", openid) < ($2, $3) \
             AND ($4 IS NULL OR subscribed = $4) \
             AND ($5 IS NULL OR substr(openid, 1, length($5)) = $5) \
             AND ($6 IS NULL OR unionid = $6) \
             AND ($7 IS NULL OR lower(nickname) LIKE $7 ESCAPE '\\') \
             AND ($8 IS NULL OR lower(remark) LIKE $8 ESCAPE '\\') \
             AND ($9 IS NULL OR substr(openid, 1, length($9)) = $9 OR unionid = $9 \
             OR lower(nickname) LIKE $10 ESCAPE '\\' OR lower(remark) LIKE $10 ESCAPE '\\' \
             OR lower(alias) LIKE $10 ESCAPE '\\' OR lower(comment) LIKE $10 ESCAPE '\\') \
             AND ($11 IS NULL OR lower(alias) LIKE $11 ESCAPE '\\') \
             AND ($12 IS NULL OR (blacklist_run IS NOT NULL) = $12) \
             AND ($13 IS NULL OR openid IN (SELECT openid FROM user_tags WHERE app = $1 AND tag_id = $13)) \
             ORDER BY ",
            $at,
            " DESC, openid DESC LIMIT $14"
        )
    };
}

const ALL: &str = list!("TRUE", "created_at");
const ON_BLACKLIST: &str = list!("blacklist_run IS NOT NULL", "created_at");
const OF_UNIONID: &str = list!("unionid = $6", "+created_at");
const WITH_TAG: &str = list!("openid IN (SELECT openid FROM user_tags WHERE app = $1 AND tag_id = $13)", "+created_at");
/// Nothing that stands in an openid is greater than `z`.
const OF_OPENID: &str = list!("openid >= $5 AND openid < $5 || '~'", "+created_at");

impl Users<'_> {
    /// At most `limit` users that pass the filter, newest first, from behind `after` on: the time of creation and the
    /// openid of the last one that was read.
    pub async fn list(
        &self,
        app: &str,
        filter: &UserFilter,
        after: Option<(u64, &str)>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let UserFilter { openid, unionid, alias, nickname, remark, subscribed, blacklisted, tag_id, search } = filter;
        let texts = [openid, unionid, alias, nickname, remark, search].map(|text| text.as_deref().unwrap_or_default());
        let (created_at, last) = after.map_or((i64::MAX, ""), |(created_at, openid)| (to_sql(created_at), openid));
        if !may_be_stored(&[app, last]) || !may_be_stored(&texts) {
            return Ok(Vec::new());
        }
        let [nickname, remark, part, alias] =
            [nickname, remark, search, alias].map(|text| text.as_deref().map(containing));
        let rows: Vec<UserRow> = on_db!(&self.0.db, pool => sqlx::query_as(statement(filter))
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
            .bind(alias)
            .bind(blacklisted)
            .bind(tag_id.map(i64::from))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(UserRow::open).collect()
    }
}

/// Fewest first.
fn statement(filter: &UserFilter) -> &'static str {
    if filter.unionid.is_some() {
        OF_UNIONID
    } else if filter.openid.is_some() {
        OF_OPENID
    } else if filter.tag_id.is_some() {
        WITH_TAG
    } else if filter.blacklisted == Some(true) {
        ON_BLACKLIST
    } else {
        ALL
    }
}
