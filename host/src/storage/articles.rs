//! Table `articles`: drafts, what was published, and the articles of permanent materials.

use weft_wechat::api::material::NewsItem;

use super::error::missing_app;
use super::menus::{parse, to_json};
use super::{Store, StoreError, containing, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{ArticleKind, ArticleSet};

/// Stores articles that stand together.
pub(super) const PUT_ARTICLES: &str = "INSERT INTO articles (app, kind, id, items, search, updated_at, created_at, seen_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (app, kind, id) DO UPDATE SET items = excluded.items, \
     search = excluded.search, updated_at = excluded.updated_at, seen_at = excluded.seen_at";

/// The articles of the apps.
#[derive(Debug, Clone, Copy)]
pub struct Articles<'a>(pub(super) &'a Store);

/// What is searched: titles, authors and summaries, one to a line.
pub(super) fn search_text(items: &[NewsItem]) -> String {
    let mut text = String::new();
    for part in items.iter().flat_map(|item| [&item.title, &item.author, &item.digest]) {
        text.push_str(part);
        text.push('\n');
    }
    text.replace('\0', "").to_ascii_lowercase()
}

impl Articles<'_> {
    /// The articles of that id.
    pub async fn find(&self, app: &str, kind: ArticleKind, id: &str) -> Result<Option<ArticleSet>, StoreError> {
        const SQL: &str =
            "SELECT id, items, updated_at, created_at FROM articles WHERE app = $1 AND kind = $2 AND id = $3";
        if !may_be_stored(&[app, id]) {
            return Ok(None);
        }
        let row: Option<ArticlesRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(kind.as_str()).bind(id).fetch_optional(pool).await
        })?;
        row.map(|row| open(row, app)).transpose()
    }

    /// What readers see of a `media_id` or an `article_id`: what a draft was published as, what was published, the
    /// articles of a material, and those of a draft, in this order.
    pub async fn shown(&self, app: &str, id: &str) -> Result<Option<ArticleSet>, StoreError> {
        const SQL: &str = "SELECT id, items, updated_at, created_at FROM articles WHERE app = $1 \
             AND (id = $2 OR kind = 'published' AND id IN \
             (SELECT article_id FROM publications WHERE app = $1 AND media_id = $2 AND state = 'published')) \
             ORDER BY CASE kind WHEN 'published' THEN 0 WHEN 'material' THEN 1 ELSE 2 END, updated_at DESC LIMIT 1";
        if !may_be_stored(&[app, id]) {
            return Ok(None);
        }
        let row: Option<ArticlesRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).bind(id).fetch_optional(pool).await)?;
        row.map(|row| open(row, app)).transpose()
    }

    /// At most `limit` sets of articles with `search` in a title, an author's name or a summary, those that changed last
    /// first, from behind `after` on: the time of the change and the id of the last one that was read.
    pub async fn list(
        &self,
        app: &str,
        kind: ArticleKind,
        search: Option<&str>,
        after: Option<(u64, &str)>,
        limit: usize,
    ) -> Result<Vec<ArticleSet>, StoreError> {
        const SQL: &str = "SELECT id, items, updated_at, created_at FROM articles \
             WHERE app = $1 AND kind = $2 AND (updated_at, id) < ($3, $4) \
             AND ($5 IS NULL OR search LIKE $5 ESCAPE '\\') ORDER BY updated_at DESC, id DESC LIMIT $6";
        let (updated_at, last) = after.map_or((i64::MAX, ""), |(updated_at, id)| (to_sql(updated_at), id));
        if !may_be_stored(&[app, last, search.unwrap_or_default()]) {
            return Ok(Vec::new());
        }
        let rows: Vec<ArticlesRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(kind.as_str())
            .bind(updated_at)
            .bind(last)
            .bind(search.map(containing))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(|row| open(row, app)).collect()
    }

    /// Stores articles that were seen at WeChat, in milliseconds since 1970, in the place of those before;
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn put(
        &self,
        app: &str,
        kind: ArticleKind,
        sets: &[ArticleSet],
        seen_at_ms: u64,
    ) -> Result<(), StoreError> {
        let now = to_sql(self.0.clock.now());
        in_transaction!(&self.0.db, connection => {
            for set in sets {
                sqlx::query(PUT_ARTICLES)
                    .bind(app)
                    .bind(kind.as_str())
                    .bind(&set.id)
                    .bind(to_json(&set.items))
                    .bind(search_text(&set.items))
                    .bind(to_sql(set.updated_at))
                    .bind(now)
                    .bind(to_sql(seen_at_ms))
                    .execute(&mut *connection)
                    .await
                    .map_err(|error| missing_app(error, app))?;
            }
        });
        Ok(())
    }

    /// Forgets articles; false when there are none of that id.
    pub async fn delete(&self, app: &str, kind: ArticleKind, id: &str) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM articles WHERE app = $1 AND kind = $2 AND id = $3";
        if !may_be_stored(&[app, id]) {
            return Ok(false);
        }
        let deleted = in_transaction!(&self.0.db, connection => {
            let query = sqlx::query(SQL).bind(app).bind(kind.as_str()).bind(id);
            query.execute(&mut *connection).await?.rows_affected()
        });
        Ok(deleted > 0)
    }

    /// Forgets the articles of one kind that were not seen at WeChat since then, in milliseconds since 1970; says how
    /// many.
    pub async fn remove_unseen(&self, app: &str, kind: ArticleKind, since_ms: u64) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM articles WHERE app = $1 AND kind = $2 AND seen_at < $3";
        Ok(in_transaction!(&self.0.db, connection => {
            let query = sqlx::query(SQL).bind(app).bind(kind.as_str()).bind(to_sql(since_ms));
            query.execute(&mut *connection).await?.rows_affected()
        }))
    }
}

/// Articles as the table holds them.
type ArticlesRow = (String, String, i64, i64);

fn open((id, items, updated_at, created_at): ArticlesRow, app: &str) -> Result<ArticleSet, StoreError> {
    Ok(ArticleSet {
        items: parse(&items, "articles.items", &format!("{app}/{id}"))?,
        id,
        updated_at: from_sql(updated_at),
        created_at: from_sql(created_at),
    })
}
