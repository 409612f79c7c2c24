//! Opening a PostgreSQL database: one pool for all.

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;

use super::{Db, StoreError};
use crate::config::DatabaseUrl;

const CONNECTIONS: u32 = 20;
/// How long to wait for a free connection, and for a server that is not up yet.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn open(url: &DatabaseUrl) -> Result<Db, StoreError> {
    let failed = |error: sqlx::Error| StoreError::connect(url, &error);
    let options = url.postgres_options().map_err(failed)?.application_name("weft");
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(failed)?;
    Ok(Db::Postgres(pool))
}
