//! Opening a PostgreSQL database: one pool for all.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::{Db, StoreError};
use crate::config::DatabaseUrl;

const CONNECTIONS: u32 = 20;
/// How long to wait for a free connection, and for a server that is not up yet.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one connection may take that is made to see why there is none.
const LOOK: Duration = Duration::from_secs(2);

pub(super) async fn open(url: &DatabaseUrl) -> Result<Db, StoreError> {
    let failed = |error: sqlx::Error| StoreError::connect(url, &error);
    let options = url.postgres_options().map_err(failed)?.application_name("weft");
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options.clone())
        .await;
    match pool {
        Ok(pool) => Ok(Db::Postgres(pool)),
        Err(sqlx::Error::PoolTimedOut) => {
            let reason = why_none(&options).await.unwrap_or_else(|| "it answers only now: start again".to_owned());
            Err(StoreError::Connect { url: url.to_string(), reason })
        }
        Err(error) => Err(failed(error)),
    }
}

/// Why the pool had no connection in time; none when one can be made. The pool does not tell: while a server refuses, as
/// one does that is just starting, it tries again.
pub(super) async fn why_none(options: &PgConnectOptions) -> Option<String> {
    let nobody =
        |why: String| format!("nobody answers there ({why}): is the server running, and are host and port right?");
    match timeout(LOOK, PgConnection::connect_with(options)).await {
        Ok(Ok(connection)) => {
            // That it could be opened is all we wanted to know.
            drop(timeout(LOOK, connection.close()).await);
            None
        }
        Ok(Err(sqlx::Error::Database(error))) => Some(error.message().to_owned()),
        Ok(Err(sqlx::Error::Io(error))) => Some(nobody(error.to_string())),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(nobody(format!("not within {LOOK:?}"))),
    }
}
