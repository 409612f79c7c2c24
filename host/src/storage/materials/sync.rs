//! Materials as WeChat lists them, page by page.

use super::{Materials, clean};
use crate::model::{ArticleSet, MaterialType};
use crate::storage::articles::{PUT_ARTICLES, search_text};
use crate::storage::error::missing_app;
use crate::storage::{StoreError, in_transaction, menus::to_json, to_sql};

/// A material as WeChat lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedMaterial {
    /// As WeChat gave it.
    pub media_id: String,
    /// What it is.
    pub material_type: MaterialType,
    /// What the file is called.
    pub name: String,
    /// Where a picture is.
    pub url: Option<String>,
    /// When it last changed.
    pub updated_at: u64,
    /// The articles; only those of the type news have them.
    pub articles: Option<ArticleSet>,
}

impl Materials<'_> {
    /// Stores what was seen at WeChat, in milliseconds since 1970; what only Weft knows of a material stays. [`StoreError::NotFound`] when there is no
    /// such app.
    pub async fn put_listed(&self, app: &str, listed: &[ListedMaterial], seen_at_ms: u64) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO materials (app, media_id, material_type, name, url, updated_at, created_at, seen_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (app, media_id) DO UPDATE SET \
             material_type = excluded.material_type, name = excluded.name, url = excluded.url, \
             updated_at = excluded.updated_at, seen_at = excluded.seen_at";
        let now = to_sql(self.0.clock.now());
        in_transaction!(&self.0.db, connection => {
            for material in listed {
                sqlx::query(SQL)
                    .bind(app)
                    .bind(&material.media_id)
                    .bind(material.material_type.as_str())
                    .bind(clean(&material.name))
                    .bind(&material.url)
                    .bind(to_sql(material.updated_at))
                    .bind(now)
                    .bind(to_sql(seen_at_ms))
                    .execute(&mut *connection)
                    .await
                    .map_err(|error| missing_app(error, app))?;
                if let Some(articles) = &material.articles {
                    sqlx::query(PUT_ARTICLES)
                        .bind(app)
                        .bind("material")
                        .bind(&material.media_id)
                        .bind(to_json(&articles.items))
                        .bind(search_text(&articles.items))
                        .bind(to_sql(articles.updated_at))
                        .bind(now)
                        .bind(to_sql(seen_at_ms))
                        .execute(&mut *connection)
                        .await?;
                }
            }
        });
        Ok(())
    }

    /// Forgets the materials of one type that were not seen at WeChat since then, in milliseconds since 1970; says how
    /// many.
    pub async fn remove_unseen(
        &self,
        app: &str,
        material_type: MaterialType,
        since_ms: u64,
    ) -> Result<u64, StoreError> {
        const ARTICLES: &str = "DELETE FROM articles WHERE app = $1 AND kind = 'material' AND id IN \
             (SELECT media_id FROM materials WHERE app = $1 AND material_type = $2 AND seen_at < $3)";
        const SQL: &str = "DELETE FROM materials WHERE app = $1 AND material_type = $2 AND seen_at < $3";
        let removed = in_transaction!(&self.0.db, connection => {
            let mut removed = 0;
            for sql in [ARTICLES, SQL] {
                let query = sqlx::query(sql).bind(app).bind(material_type.as_str()).bind(to_sql(since_ms));
                removed = query.execute(&mut *connection).await?.rows_affected();
            }
            removed
        });
        Ok(removed)
    }
}
