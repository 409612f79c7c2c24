//! Opening an SQLite file: one connection that writes, some that only read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Db, StoreError, write_ahead_log::WriteAheadLog};
use crate::secret::{create_private_file, create_private_parent};

/// How long a writer waits for another process to finish.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for a free connection, and so for the writers before.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
/// How often a file is tried that another process is just beginning.
const TRY_AGAIN: Duration = Duration::from_millis(20);

pub(super) async fn open(path: &Path) -> Result<Db, StoreError> {
    let file = create(path.to_owned()).await.map_err(|source| StoreError::File { path: path.to_owned(), source })?;
    let log = Arc::new(WriteAheadLog::of(&file));
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full);
    let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).idle_timeout(None).max_lifetime(None);
    let writer = || {
        let log = Arc::clone(&log);
        pool()
            .max_connections(1)
            // When the disk is full SQLite rolls back by itself. The driver's own rollback then fails, and it believes
            // for ever that it is in a transaction: such a connection is replaced.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
            .after_release(move |connection, _| {
                let log = Arc::clone(&log);
                Box::pin(async move {
                    log.bound(connection, BUSY_TIMEOUT).await;
                    Ok(true)
                })
            })
            .connect_with(connect.clone().journal_mode(SqliteJournalMode::Wal))
    };
    let began = Instant::now();
    let writer = loop {
        match writer().await {
            // SQLite's busy timeout does not cover the change to a write-ahead log.
            Err(error) if is_locked(&error) && began.elapsed() < BUSY_TIMEOUT => tokio::time::sleep(TRY_AGAIN).await,
            opened => break opened,
        }
    };
    let writer = writer.map_err(|error| StoreError::connect(&format_args!("sqlite://{}", path.display()), &error))?;
    let readers = pool().max_connections(READERS).connect_lazy_with(connect.pragma("query_only", "ON"));
    Ok(Db::Sqlite { writer, readers })
}

/// Whether another process has the file just now: `SQLITE_BUSY`, or one of the codes that say more.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// Makes sure that there is a file, and that a new one is for this user alone: SQLite gives the files beside it the
/// same mode. Tells which file it is where the path is a link: those files are beside that one.
async fn create(path: PathBuf) -> io::Result<PathBuf> {
    let create = move || {
        create_private_parent(&path)?;
        match create_private_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => path.canonicalize(),
        }
    };
    tokio::task::spawn_blocking(create).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use sqlx::SqlitePool;

    use super::*;
    use crate::{
        clock::Clock,
        config::DatabaseUrl,
        model::{App, AppType},
        secret::SecretKey,
        storage::Store,
    };

    async fn opened(folder: &Path) -> (Store, SqlitePool) {
        let url = DatabaseUrl::Sqlite(folder.join("weft.db"));
        let store = Store::open(&url, Arc::new(SecretKey::generate()), Clock::system()).await.unwrap();
        store.migrate().await.unwrap();
        let Db::Sqlite { writer, .. } = &store.db else { panic!("not SQLite: {store:?}") };
        let writer = writer.clone();
        (store, writer)
    }

    #[tokio::test]
    async fn writes_work_again_when_a_full_disk_has_room() {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer) = opened(folder.path()).await;
        let app = App { description: "x".repeat(1 << 20), ..App::new("shop", AppType::Other, "wx1") };
        // The file may not grow beyond what it is; SQLite says then what it says of a full disk.
        sqlx::query("PRAGMA max_page_count = 1").execute(&writer).await.unwrap();
        let error = store.apps().insert(&app).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Database(cause) if cause.to_string().contains("disk is full")),
            "{error:?}"
        );

        sqlx::query("PRAGMA max_page_count = 1000000").execute(&writer).await.unwrap();
        for name in ["shop", "blog"] {
            store.apps().insert(&App { name: name.to_owned(), ..app.clone() }).await.unwrap();
        }
        assert_eq!(store.apps().list().await.unwrap().len(), 2);
        store.close().await;
    }

    #[tokio::test]
    async fn a_ping_fails_when_nothing_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer) = opened(folder.path()).await;
        store.ping().await.unwrap();
        writer.close().await;
        assert_eq!(store.apps().list().await.unwrap(), [], "reading works");
        assert!(store.ping().await.is_err());
        store.close().await;
    }
}
