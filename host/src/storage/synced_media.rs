//! Table `synced_media`.

use super::error::is_missing_parent;
use super::{Store, StoreError, in_transaction, may_be_stored, on_db, to_sql};

/// The media of WeChat's own auto-reply settings that were made permanent.
#[derive(Debug, Clone, Copy)]
pub struct SyncedMedia<'a>(pub(super) &'a Store);

/// A file of the settings, and the permanent material that it has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncedFile {
    /// The type at WeChat: one file may be several materials of different types.
    pub media_type: String,
    /// The `media_id` in the settings.
    pub source: String,
    /// The SHA-256 of the file, in hexadecimal.
    pub digest: String,
    /// The `media_id` of the permanent material.
    pub media_id: String,
}

impl SyncedMedia<'_> {
    /// The permanent material of what the settings call `source`.
    pub async fn of_source(&self, app: &str, media_type: &str, source: &str) -> Result<Option<String>, StoreError> {
        const SQL: &str = "SELECT media_id FROM synced_media WHERE app = $1 AND media_type = $2 AND source = $3";
        self.find(SQL, app, media_type, source).await
    }

    /// The permanent material with this content.
    pub async fn of_digest(&self, app: &str, media_type: &str, digest: &str) -> Result<Option<String>, StoreError> {
        const SQL: &str = "SELECT media_id FROM synced_media WHERE app = $1 AND media_type = $2 AND digest = $3 \
             ORDER BY created_at, source LIMIT 1";
        self.find(SQL, app, media_type, digest).await
    }

    async fn find(
        &self,
        sql: &'static str,
        app: &str,
        media_type: &str,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        if !may_be_stored(&[app, media_type, key]) {
            return Ok(None);
        }
        let media_id = on_db!(&self.0.db, pool => {
            sqlx::query_scalar(sql).bind(app).bind(media_type).bind(key).fetch_optional(pool).await
        })?;
        Ok(media_id)
    }

    /// Remembers what a file has become; [`StoreError::NotFound`] when there is no such app.
    pub async fn remember(&self, app: &str, file: &SyncedFile) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO synced_media (app, media_type, source, digest, media_id, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (app, media_type, source) DO UPDATE SET \
             digest = excluded.digest, media_id = excluded.media_id, created_at = excluded.created_at";
        let missing = |error: sqlx::Error| {
            if is_missing_parent(&error) {
                StoreError::NotFound { kind: "app", name: app.to_owned() }
            } else {
                error.into()
            }
        };
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(&file.media_type)
                .bind(&file.source)
                .bind(&file.digest)
                .bind(&file.media_id)
                .bind(to_sql(self.0.clock.now()))
                .execute(connection)
                .await
                .map_err(missing)?
                .rows_affected()
        });
        Ok(())
    }
}
