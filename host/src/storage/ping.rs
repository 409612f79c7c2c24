//! Whether the database serves, and why it does not.

use super::{Db, Store, StoreError, on_db, postgres, with_causes};
use crate::bilingual::because;

impl Store {
    /// Whether the database answers, and lets itself be written to.
    pub async fn ping(&self) -> Result<(), StoreError> {
        on_db!(&self.db, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))?;
        if let Db::Sqlite { writer, .. } = &self.db {
            writer.begin_with("BEGIN IMMEDIATE").await?.rollback().await?;
        }
        Ok(())
    }

    /// Why the database failed, for the log: what it said, and where there was no connection in time, why not.
    pub async fn why(&self, error: &StoreError) -> String {
        let told = with_causes(error);
        let (Db::Postgres(pool), StoreError::Database(sqlx::Error::PoolTimedOut)) = (&self.db, error) else {
            return told;
        };
        let why = postgres::why_none(&pool.connect_options()).await;
        let all = || format!("all {} are in use", pool.options().get_max_connections());
        because(&told, &why.unwrap_or_else(all))
    }
}
