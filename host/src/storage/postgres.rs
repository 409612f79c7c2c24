//! Opening a PostgreSQL database: one pool for all.

use sqlx::postgres::PgPoolOptions;

use super::{Db, StoreError};
use crate::config::DatabaseUrl;

const CONNECTIONS: u32 = 20;

pub(super) async fn open(url: &DatabaseUrl) -> Result<Db, StoreError> {
    let failed = |source| StoreError::Connect { url: url.to_string(), source };
    let options = url.postgres_options().map_err(failed)?.application_name("weft");
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await.map_err(failed)?;
    Ok(Db::Postgres(pool))
}
