//! What is in a material: the same content is one material, whatever it comes from.

use super::{Materials, clean, open};
use crate::model::{Material, MaterialType};
use crate::storage::error::missing_app;
use crate::storage::{StoreError, in_transaction, may_be_stored, on_db, to_sql};

/// A material that was uploaded from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedMaterial {
    /// As WeChat gave it.
    pub media_id: String,
    /// What it is.
    pub material_type: MaterialType,
    /// What the file is called.
    pub name: String,
    /// Where a picture is.
    pub url: Option<String>,
    /// SHA-256 of its content, in hex.
    pub digest: String,
}

impl Materials<'_> {
    /// The material of that type with this content.
    pub async fn of_digest(
        &self,
        app: &str,
        material_type: MaterialType,
        digest: &str,
    ) -> Result<Option<Material>, StoreError> {
        const SQL: &str = "SELECT media_id, material_type, name, url, alias, comment, updated_at, created_at \
             FROM materials WHERE app = $1 AND material_type = $2 AND digest = $3 \
             ORDER BY created_at, media_id LIMIT 1";
        self.of(SQL, app, material_type, digest).await
    }

    /// The material that temporary media were made.
    pub async fn of_temporary(
        &self,
        app: &str,
        material_type: MaterialType,
        media_id: &str,
    ) -> Result<Option<Material>, StoreError> {
        const SQL: &str = "SELECT m.media_id, m.material_type, m.name, m.url, m.alias, m.comment, m.updated_at, \
             m.created_at FROM temporary_media t JOIN materials m \
             ON m.app = t.app AND m.material_type = t.material_type AND m.digest = t.digest \
             WHERE t.app = $1 AND t.material_type = $2 AND t.media_id = $3 ORDER BY m.created_at, m.media_id LIMIT 1";
        self.of(SQL, app, material_type, media_id).await
    }

    async fn of(
        &self,
        sql: &'static str,
        app: &str,
        material_type: MaterialType,
        key: &str,
    ) -> Result<Option<Material>, StoreError> {
        if !may_be_stored(&[app, key]) {
            return Ok(None);
        }
        let row = on_db!(&self.0.db, pool => {
            sqlx::query_as(sql).bind(app).bind(material_type.as_str()).bind(key).fetch_optional(pool).await
        })?;
        row.map(|row| open(row, app)).transpose()
    }

    /// Stores a material that has just been uploaded; [`StoreError::NotFound`] when there is no such app.
    pub async fn insert(&self, app: &str, uploaded: &UploadedMaterial) -> Result<Material, StoreError> {
        const SQL: &str = "INSERT INTO materials (app, media_id, material_type, name, url, digest, updated_at, created_at, seen_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8) ON CONFLICT (app, media_id) DO UPDATE SET \
             name = excluded.name, url = excluded.url, digest = excluded.digest, seen_at = excluded.seen_at";
        let now_ms = self.0.clock.now_ms();
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(&uploaded.media_id)
                .bind(uploaded.material_type.as_str())
                .bind(clean(&uploaded.name))
                .bind(&uploaded.url)
                .bind(&uploaded.digest)
                .bind(to_sql(now_ms / 1000))
                .bind(to_sql(now_ms))
                .execute(&mut *connection)
                .await
                .map_err(|error| missing_app(error, app))?;
        });
        let no_material = || StoreError::NotFound { kind: "material", name: uploaded.media_id.clone() };
        self.find(app, &uploaded.media_id).await?.ok_or_else(no_material)
    }

    /// Remembers what is in temporary media; [`StoreError::NotFound`] when there is no such app.
    pub async fn remember_temporary(
        &self,
        app: &str,
        material_type: MaterialType,
        media_id: &str,
        digest: &str,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO temporary_media (app, material_type, media_id, digest, created_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (app, material_type, media_id) DO UPDATE SET \
             digest = excluded.digest, created_at = excluded.created_at";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(material_type.as_str())
                .bind(media_id)
                .bind(digest)
                .bind(to_sql(self.0.clock.now()))
                .execute(connection)
                .await
                .map_err(|error| missing_app(error, app))?
                .rows_affected()
        });
        Ok(())
    }
}
