//! Tables `materials` and `temporary_media`: what the accounts keep at WeChat.

mod files;
mod sync;

use super::error::is_duplicate;
use super::{Store, StoreError, containing, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{Material, MaterialChange, MaterialFilter, MaterialType};

pub use files::UploadedMaterial;
pub use sync::ListedMaterial;

/// The materials of the apps.
#[derive(Debug, Clone, Copy)]
pub struct Materials<'a>(pub(super) &'a Store);

impl Materials<'_> {
    /// The material of that `media_id`.
    pub async fn find(&self, app: &str, media_id: &str) -> Result<Option<Material>, StoreError> {
        const SQL: &str = "SELECT media_id, material_type, name, url, alias, comment, updated_at, created_at \
             FROM materials WHERE app = $1 AND media_id = $2";
        if !may_be_stored(&[app, media_id]) {
            return Ok(None);
        }
        let row = on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).bind(media_id).fetch_optional(pool).await)?;
        row.map(|row| open(row, app)).transpose()
    }

    /// At most `limit` materials that pass the filter, those that changed last first, from behind `after` on: the time
    /// of the change and the `media_id` of the last one that was read.
    pub async fn list(
        &self,
        app: &str,
        filter: &MaterialFilter,
        after: Option<(u64, &str)>,
        limit: usize,
    ) -> Result<Vec<Material>, StoreError> {
        const SQL: &str = "SELECT media_id, material_type, name, url, alias, comment, updated_at, created_at \
             FROM materials WHERE app = $1 AND (updated_at, media_id) < ($2, $3) \
             AND ($4 IS NULL OR material_type = $4) AND ($5 IS NULL OR alias = $5) \
             AND ($6 IS NULL OR media_id = $6 OR lower(alias) LIKE $7 ESCAPE '\\' \
             OR lower(name) LIKE $7 ESCAPE '\\' OR lower(comment) LIKE $7 ESCAPE '\\') \
             AND ($8 IS NULL OR updated_at < $8) ORDER BY updated_at DESC, media_id DESC LIMIT $9";
        let MaterialFilter { material_type, alias, search, updated_before } = filter;
        let (updated_at, last) = after.map_or((i64::MAX, ""), |(updated_at, media_id)| (to_sql(updated_at), media_id));
        let texts = [app, last, alias.as_deref().unwrap_or_default(), search.as_deref().unwrap_or_default()];
        if !may_be_stored(&texts) {
            return Ok(Vec::new());
        }
        let rows: Vec<MaterialRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(updated_at)
            .bind(last)
            .bind(material_type.map(MaterialType::as_str))
            .bind(alias)
            .bind(search)
            .bind(search.as_deref().map(containing))
            .bind(updated_before.map(to_sql))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(|row| open(row, app)).collect()
    }

    /// Changes what only Weft knows of a material, and gives it back; none when there is no such material,
    /// [`StoreError::AlreadyExists`] when another one has the alias.
    pub async fn change(
        &self,
        app: &str,
        media_id: &str,
        change: &MaterialChange,
    ) -> Result<Option<Material>, StoreError> {
        const SQL: &str = "UPDATE materials SET \
             alias = CASE WHEN $3 IS NULL THEN alias WHEN $3 = '' THEN NULL ELSE $3 END, \
             comment = COALESCE($4, comment) WHERE app = $1 AND media_id = $2";
        if !may_be_stored(&[app, media_id]) {
            return Ok(None);
        }
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(media_id)
                .bind(&change.alias)
                .bind(&change.comment)
                .execute(&mut *connection)
                .await
                .map_err(|error| alias_taken(change.alias.as_deref(), error))?;
        });
        self.find(app, media_id).await
    }

    /// Forgets a material and its articles; false when there is no such material.
    pub async fn delete(&self, app: &str, media_id: &str) -> Result<bool, StoreError> {
        const ARTICLES: &str = "DELETE FROM articles WHERE app = $1 AND kind = 'material' AND id = $2";
        const SQL: &str = "DELETE FROM materials WHERE app = $1 AND media_id = $2";
        if !may_be_stored(&[app, media_id]) {
            return Ok(false);
        }
        let deleted = in_transaction!(&self.0.db, connection => {
            sqlx::query(ARTICLES).bind(app).bind(media_id).execute(&mut *connection).await?;
            sqlx::query(SQL).bind(app).bind(media_id).execute(&mut *connection).await?.rows_affected()
        });
        Ok(deleted > 0)
    }
}

/// A material as the table holds it.
type MaterialRow = (String, String, String, Option<String>, Option<String>, String, i64, i64);

fn open(row: MaterialRow, app: &str) -> Result<Material, StoreError> {
    let (media_id, material_type, name, url, alias, comment, updated_at, created_at) = row;
    let corrupt = || StoreError::Corrupt { what: format!("materials.material_type/{app}/{media_id}") };
    Ok(Material {
        material_type: MaterialType::of(&material_type).ok_or_else(corrupt)?,
        media_id,
        name,
        url,
        alias: alias.unwrap_or_default(),
        comment,
        updated_at: from_sql(updated_at),
        created_at: from_sql(created_at),
    })
}

/// A text of WeChat's as PostgreSQL can hold it.
fn clean(text: &str) -> String {
    text.replace('\0', "")
}

/// The alias belongs to another material of the app.
fn alias_taken(alias: Option<&str>, error: sqlx::Error) -> StoreError {
    match alias {
        Some(alias) if is_duplicate(&error) => StoreError::AlreadyExists { kind: "a material", name: alias.to_owned() },
        _ => error.into(),
    }
}
