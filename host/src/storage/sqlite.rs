//! Opening an SQLite file: one connection that writes, some that only read.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Db, StoreError};
use crate::secret::{create_private_file, create_private_parent};

/// How long a writer waits for another process to finish.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for a free connection, and so for the writers before.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

pub(super) async fn open(path: &Path) -> Result<Db, StoreError> {
    create(path.to_owned()).await.map_err(|source| StoreError::File { path: path.to_owned(), source })?;
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full);
    let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).idle_timeout(None).max_lifetime(None);
    let writer = pool()
        .max_connections(1)
        .connect_with(connect.clone().journal_mode(SqliteJournalMode::Wal))
        .await
        .map_err(|source| StoreError::Connect { url: format!("sqlite://{}", path.display()), source })?;
    let readers = pool().max_connections(READERS).connect_lazy_with(connect.pragma("query_only", "ON"));
    Ok(Db::Sqlite { writer, readers })
}

/// Makes sure that there is a file, and that a new one is for this user alone: SQLite gives the files beside it the
/// same mode.
async fn create(path: PathBuf) -> io::Result<()> {
    let create = move || {
        create_private_parent(&path)?;
        match create_private_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    };
    tokio::task::spawn_blocking(create).await.map_err(io::Error::other)?
}
